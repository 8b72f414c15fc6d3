// Package named gives names to what SQL goes by position for: the columns of a result, and the
// parameters of a statement.
//
// Columns pair each expression of a SELECT with the variable that receives it. The query's text and
// the arguments of Scan come from the same list, so no value can get into another one's place.
//
// A Statement has parameters written :name. Its text is turned once, when the program starts, into
// what the driver takes; what is left for each execution is to put the arguments in order.
//
// The package may import the standard library only.
package named
