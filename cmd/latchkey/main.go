// Command latchkey is the daemon and everything that a person types to it.
//
// serve plugs the packages together: store, keys, authority, and the edges for
// HTTP, SSH, operators and the local socket. Every other command is a thin
// client of the daemon's own JSON API, over the socket in the data folder or,
// with --url, over the network with a token; it decides nothing itself.
//
// Secrets are read from standard input or from files and never from the
// command line, where other users of the machine could read them. A secret
// that is handed over is printed alone on standard output, and what there is
// to say about it on standard error, so that KEY=$(latchkey apikey create
// alice) works.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
