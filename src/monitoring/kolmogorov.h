#pragma once

#include <cstdint>

#include "monitoring/sample.h"

namespace millrace::monitoring {

struct KsResult {
  double statistic = 0;  // the largest distance between the two empirical distribution functions
  double p_value = 1;    // two-sided
};

// scipy.stats.ks_2samp(reference, current) with method "auto": exact while both sides have at most 10 000 values, else
// the one-sample distribution for round(mn / (m + n)) values. Neither side may be empty.
KsResult kolmogorov_smirnov(const Sample& reference, const Sample& current);

// P(D >= d) for two samples of m and n values without ties between them, by Hodges' path count (Hodges 1958, "The
// significance probability of the Smirnov two-sample test").
double smirnov_exact(std::int64_t m, std::int64_t n, double d);

// P(D_n > d), the two-sided one-sample Kolmogorov-Smirnov distribution, with the choice of methods of Simard and
// L'Ecuyer (2011), "Computing the two-sided Kolmogorov-Smirnov distribution", J. Stat. Softw. 39(11).
double kolmogorov_survival(std::int64_t n, double d);

}  // namespace millrace::monitoring
