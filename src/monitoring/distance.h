#pragma once

#include "monitoring/sample.h"

namespace millrace::monitoring {

// None of the functions below accepts an empty side.

// scipy.stats.wasserstein_distance / max(standard deviation of the reference, 0.001): Evidently's "wasserstein".
double normed_wasserstein(const Sample& reference, const Sample& current);
// Without the norm.
double wasserstein(const Sample& reference, const Sample& current);

// scipy.spatial.distance.jensenshannon: the square root of the divergence in nats. Cells are not zero-filled.
double jensen_shannon(const CellCounts& cells);

// Sum over cells of (r - c) ln(r / c), zero cells filled as Evidently does.
double population_stability_index(const CellCounts& cells);

// KL(reference || current) in nats, zero cells filled as Evidently does and both sides normalized again.
double kl_divergence(const CellCounts& cells);

// p-value of scipy.stats.chisquare(current, reference scaled to current's total): goodness of fit, cells - 1 degrees of
// freedom. A value that the reference never had makes it 0.
double chi_square(const CellCounts& cells);

// p-value of the pooled two-proportion Z-test of "is not the first cell's value". One cell only gives 1.
double two_proportions(const CellCounts& cells);

// Evidently's "hellinger": numerical columns in Sturges' bins over the distinct values, categorical ones by value.
double hellinger(const Sample& reference, const Sample& current);
double hellinger(const Categories& reference, const Categories& current);

// Q(a, x), the regularized upper incomplete gamma function; a > 0, x >= 0.
double upper_gamma(double a, double x);

}  // namespace millrace::monitoring
