// Package archtest holds the packages of this module to what their documentation says
// about imports. Its contents are tests.
//
// Each package's documentation has one sentence that says what "the package may import": paths,
// separated by commas and "and". One within this module, such as internal/mvcc, stands for that
// package alone; another is a module or a package of others, and stands for all below it. The
// standard library is always allowed, and alone where the sentence says so. What tests import is
// free.
//
// The package may import the standard library only.
package archtest
