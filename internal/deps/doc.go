// Package deps holds the test of who may import whom. The shape of the program
// is its imports: edges (gateway, sshd) know auth and never each other or the
// store, auth knows the store, the store knows nobody, and cmd plugs them
// together. A package that is not in the table fails the test, so that a new
// one is placed on purpose.
package deps
