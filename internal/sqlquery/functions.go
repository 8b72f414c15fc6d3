package sqlquery

import "strings"

// allowedFunctions are functions of SQLite and of percentile.go that read only their arguments, and
// return nothing much larger than these. printf and format (widths), zeroblob and randomblob are
// excluded; replace and group_concat are bounded by SQLITE_LIMIT_LENGTH.
var allowedFunctions = func() map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields(`
		abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count cume_dist
		current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor glob group_concat hex
		ifnull iif if instr json json_array json_array_length json_extract json_group_array json_group_object json_object json_quote
		json_type json_valid -> ->> julianday lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim max median min mod
		nth_value ntile nullif octet_length percent_rank percentile percentile_cont percentile_disc pi pow power quote radians random rank replace round row_number rtrim sign sin
		sinh sqrt strftime string_agg substr substring sum tan tanh time timediff total trim trunc typeof unicode unixepoch unlikely
		upper`) {
		all[name] = true
	}
	return all
}()
