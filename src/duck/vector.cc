#include <cmath>
#include <cstring>

#include "duck/handles.h"

namespace millrace::duck {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

void append_validity(duckdb_vector vector, std::size_t rows, std::vector<std::uint8_t>& valid) {
  const std::uint64_t* mask = duckdb_vector_get_validity(vector);
  const std::size_t before = valid.size();
  valid.resize(before + rows, 1);
  if (mask == nullptr) return;
  for (std::size_t row = 0; row < rows; ++row) valid[before + row] = mask[row / 64] >> (row % 64) & 1;
}

// Appends convert(value) for each raw value of type T, and `null` where there is none.
template <typename T, typename Out, typename Convert>
void append_values(duckdb_vector vector, std::size_t rows, const Column& column, std::vector<Out>& out, Out null,
                   Convert convert) {
  const T* data = static_cast<const T*>(duckdb_vector_get_data(vector));
  const std::uint8_t* valid = column.valid.data() + column.valid.size() - rows;
  const std::size_t before = out.size();
  out.resize(before + rows);
  for (std::size_t row = 0; row < rows; ++row) out[before + row] = valid[row] != 0 ? convert(data[row]) : null;
}

template <typename T>
void append_ints(duckdb_vector vector, std::size_t rows, Column& column, std::int64_t factor = 1) {
  append_values<T>(vector, rows, column, column.ints, std::int64_t{0},
                   [factor](T value) { return static_cast<std::int64_t>(value) * factor; });
}

template <typename T>
void append_doubles(duckdb_vector vector, std::size_t rows, Column& column, double divisor = 1) {
  append_values<T>(vector, rows, column, column.doubles, std::nan(""), [divisor](T value) {
    if constexpr (std::is_same_v<T, duckdb_hugeint>) {
      return duckdb_hugeint_to_double(value) / divisor;
    } else {
      return static_cast<double>(value) / divisor;
    }
  });
}

void append_strings(duckdb_vector vector, std::size_t rows, Column& column) {
  auto* data = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  const std::uint8_t* valid = column.valid.data() + column.valid.size() - rows;
  for (std::size_t row = 0; row < rows; ++row) {
    if (valid[row] != 0) {
      column.strings.emplace_back(duckdb_string_t_data(&data[row]), duckdb_string_t_length(data[row]));
    } else {
      column.strings.emplace_back();
    }
  }
}

// Whole numbers wider than 64 bits (what sum() of a bigint is): exact, or an error.
Result<void> append_wide(duckdb_vector vector, std::size_t rows, Column& column) {
  bool fits = true;
  append_values<duckdb_hugeint>(vector, rows, column, column.ints, std::int64_t{0}, [&fits](duckdb_hugeint value) {
    fits = fits && value.upper == (static_cast<std::int64_t>(value.lower) < 0 ? -1 : 0);
    return static_cast<std::int64_t>(value.lower);
  });
  if (!fits) return fail(Code::kOutOfRange, "a value of column {} does not fit into 64 bits", column.name);
  return {};
}

Result<void> append_unsigned(duckdb_vector vector, std::size_t rows, Column& column) {
  append_ints<std::uint64_t>(vector, rows, column);
  for (std::size_t row = column.ints.size() - rows; row < column.ints.size(); ++row) {
    if (column.ints[row] < 0)
      return fail(Code::kOutOfRange, "a value of column {} does not fit into 63 bits", column.name);
  }
  return {};
}

void append_decimal(duckdb_vector vector, std::size_t rows, Column& column, duckdb_logical_type type) {
  const double divisor = std::pow(10.0, duckdb_decimal_scale(type));
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      return append_doubles<std::int16_t>(vector, rows, column, divisor);
    case DUCKDB_TYPE_INTEGER:
      return append_doubles<std::int32_t>(vector, rows, column, divisor);
    case DUCKDB_TYPE_BIGINT:
      return append_doubles<std::int64_t>(vector, rows, column, divisor);
    default:
      return append_doubles<duckdb_hugeint>(vector, rows, column, divisor);
  }
}

void append_nanoseconds(duckdb_vector vector, std::size_t rows, Column& column) {
  append_values<std::int64_t>(vector, rows, column, column.ints, std::int64_t{0},
                              [](std::int64_t ns) { return ns / 1000 - (ns % 1000 < 0 ? 1 : 0); });
}

template <typename T, typename In>
void write_values(const std::vector<In>& values, std::size_t from, std::size_t count, duckdb_vector vector) {
  T* data = static_cast<T*>(duckdb_vector_get_data(vector));
  for (std::size_t row = 0; row < count; ++row) data[row] = static_cast<T>(values[from + row]);
}

void write_strings(const Column& column, std::size_t from, std::size_t count, duckdb_vector vector) {
  for (std::size_t row = 0; row < count; ++row) {
    const std::string& text = column.strings[from + row];
    duckdb_vector_assign_string_element_len(vector, row, text.data(), text.size());
  }
}

void write_validity(const Column& column, std::size_t from, std::size_t count, duckdb_vector vector) {
  if (std::memchr(column.valid.data() + from, 0, count) == nullptr) return;
  duckdb_vector_ensure_validity_writable(vector);
  std::uint64_t* mask = duckdb_vector_get_validity(vector);
  for (std::size_t row = 0; row < count; ++row) {
    if (column.valid[from + row] == 0) duckdb_validity_set_row_invalid(mask, row);
  }
}

}  // namespace

ReadAs read_as(duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      return {Type::kBoolean, true};
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
      return {Type::kBigint, true};
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
      return {Type::kDouble, true};
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return {Type::kTimestamp, true};
    case DUCKDB_TYPE_VARCHAR:
      return {Type::kVarchar, true};
    default:
      return {Type::kVarchar, false};
  }
}

Result<void> read_vector(duckdb_vector vector, std::size_t rows, Column& column) {
  const TypeHandle type(duckdb_vector_get_column_type(vector));
  append_validity(vector, rows, column.valid);
  switch (duckdb_get_type_id(type.get())) {
    case DUCKDB_TYPE_BOOLEAN:
      append_ints<std::uint8_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_TINYINT:
      append_ints<std::int8_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_SMALLINT:
      append_ints<std::int16_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_INTEGER:
      append_ints<std::int32_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      append_ints<std::int64_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_UTINYINT:
      append_ints<std::uint8_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_USMALLINT:
      append_ints<std::uint16_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_UINTEGER:
      append_ints<std::uint32_t>(vector, rows, column);
      break;
    case DUCKDB_TYPE_UBIGINT:
      return append_unsigned(vector, rows, column);
    case DUCKDB_TYPE_HUGEINT:
      return append_wide(vector, rows, column);
    case DUCKDB_TYPE_FLOAT:
      append_doubles<float>(vector, rows, column);
      break;
    case DUCKDB_TYPE_DOUBLE:
      append_doubles<double>(vector, rows, column);
      break;
    case DUCKDB_TYPE_DECIMAL:
      append_decimal(vector, rows, column, type.get());
      break;
    case DUCKDB_TYPE_DATE:
      append_ints<std::int32_t>(vector, rows, column, kDayUs);
      break;
    case DUCKDB_TYPE_TIMESTAMP_S:
      append_ints<std::int64_t>(vector, rows, column, 1'000'000);
      break;
    case DUCKDB_TYPE_TIMESTAMP_MS:
      append_ints<std::int64_t>(vector, rows, column, 1'000);
      break;
    case DUCKDB_TYPE_TIMESTAMP_NS:
      append_nanoseconds(vector, rows, column);
      break;
    case DUCKDB_TYPE_VARCHAR:
      append_strings(vector, rows, column);
      break;
    default:
      return internal_error("column {} has a type that was not cast", column.name);
  }
  return {};
}

TypeHandle logical_type(Type type) {
  switch (type) {
    case Type::kBoolean:
      return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
    case Type::kBigint:
      return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    case Type::kDouble:
      return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
    case Type::kVarchar:
      return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
    case Type::kTimestamp:
      return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP));
  }
  std::unreachable();
}

void write_vector(const Column& column, std::size_t from, std::size_t count, duckdb_vector vector) {
  switch (column.type) {
    case Type::kBoolean:
      write_values<bool>(column.ints, from, count, vector);
      break;
    case Type::kBigint:
    case Type::kTimestamp:
      write_values<std::int64_t>(column.ints, from, count, vector);
      break;
    case Type::kDouble:
      write_values<double>(column.doubles, from, count, vector);
      break;
    case Type::kVarchar:
      write_strings(column, from, count, vector);
      break;
  }
  write_validity(column, from, count, vector);
}

}  // namespace millrace::duck
