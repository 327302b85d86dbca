// Package gateway is the front door for HTTP: it reads who a request comes
// from, judges the route, takes away what the client must not say, adds what
// the upstream may know, and passes the request on.
//
// A request goes one way. The connection is scanned as bytes (headscan.go), so
// that whatever two servers could read differently is refused before anything
// else. The parsed request is filtered (frontfilter.go): method, host and path
// that are judged are the ones the upstream gets. Then the row of our own URLs
// (routes.go, mux.go) or the route is found, the credentials are read
// (proof.go), auth.Identify says who it is and auth.Allow whether they may.
// proxy.go strips and adds headers and copies the bytes; where the upstream
// knows people by accounts of its own, upstreamcredential.go adds the caller's
// and keeps the upstream from asking for another. What goes wrong becomes a
// status and a text in errors.go alone, and every request ends in one line of
// the log.
//
// The pages that people see are in package web, the dialect of JFrog's clients
// in package jfrog.
//
// The package does not know how credentials are kept, does not buffer bodies,
// never retries what it cannot take back and never passes the client's own
// credential on.
package gateway
