// Package oauth is the way in through somebody else who says who one is. It
// holds what CI jobs need: Jobs takes the token that a CI system signed for one
// of its jobs (OpenID Connect Core §2), and finds the mapping that the
// configuration has for such a job.
//
// It promises that a Job it returns was named by a token that its issuer signed
// with a key of its own, for us, and that has not ended; that every claim of
// the mapping was in that token; and that all this took bounded time, memory
// and traffic, whatever was sent. A token that nobody has verified makes at
// most one fetch of an issuer's keys in half a minute.
//
// How it thinks: what is cheap comes first. Size, form and header; issuer,
// audience and time; only then the key, and last the signature. Nothing in a
// token's header is followed (jku, x5u, jwk, x5c): the header only chooses
// among keys that the issuer publishes where its configured URL leads.
//
// What it will not do: make tokens, know users, or decide rights. It says what
// the configuration says; package auth does the rest.
package oauth
