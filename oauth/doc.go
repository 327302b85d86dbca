// Package oauth is the way in through somebody else who says who one is.
//
// Jobs takes the token that a CI system signed for one of its jobs (OpenID
// Connect Core §2), and finds the mapping that the configuration has for such a
// job.
//
// Logins sends people to a provider and judges what they come back with: an
// OpenID provider, Google, GitHub or an OAuth 2 server. Begin makes an attempt,
// Finish ends it with an auth.External; neither knows of routes, pages or users.
// What must be remembered between them is in the browser's cookie, sealed, so
// that attempts which nobody ends cost nothing. Afterwards it asks the provider
// again (Refresh), takes its tokens (JudgeToken) and its word that somebody has
// signed out there (LoggedOut), and knows where to sign out (Farewell).
//
// It promises that a Job it returns was named by a token that its issuer signed
// with a key of its own, for us, and that has not ended; that every claim of
// the mapping was in that token; and that all this took bounded time, memory
// and traffic, whatever was sent. A token that nobody has verified makes at
// most one fetch of an issuer's keys in half a minute.
//
// It promises that an External it returns was said by that provider, to us, in
// answer to an attempt that was begun in that browser, for that purpose, within
// ten minutes, and that was not used before; that who it is, is the provider's
// issuer and subject alone; that an e-mail address is called verified only where
// the provider says true of that very address; and that people whom the rules
// of the configuration keep out are kept out. A code is shown once, to the token
// endpoint alone, with the verifier of its attempt. No error repeats a code, a
// token, a secret, or more than a few words of what a stranger wrote.
//
// How it thinks: what is cheap comes first. Size, form and header; issuer,
// audience and time; only then the key, and last the signature. Of an answer:
// its form, the cookie, the provider, the age and the state, the issuer's name;
// then the attempt is used up, and only then is the provider asked. Nothing in a
// token's header is followed (jku, x5u, jwk, x5c): the header only chooses
// among keys that the issuer publishes where its configured URL leads. What can
// be read in two ways (a name twice, a parameter twice) is not read.
//
// When a provider does not answer, within five seconds or in a form that means
// something, that is never taken for a no: the error is auth.Unavailable.
//
// What it will not do: make tokens or sessions, know users, link accounts, or
// decide rights. It says what the configuration and the provider say; package
// auth does the rest. It takes no tokens from a browser (the implicit and hybrid
// flows), begins nothing without PKCE, finds nothing out by trying, and never
// finds anybody by an e-mail address.
package oauth
