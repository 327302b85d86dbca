// Package auth decides who someone is and whether they may.
//
// An edge (HTTP, SSH, the local socket) reads what a client showed into a
// [Proof] and asks [Authority.Identify], the only way from a proof to an
// [Identity]. An Identity is a plain value: whoever acts is passed as an
// argument, named who, after the context. Every method of Users, Groups, Keys,
// Tokens, SSHKeys, Sessions, Bindings, Passwords, Upstreams and WebLogins that
// acts for somebody takes it first, asks allow.go whether this may be done, and writes
// the answer into the audit trail, so no handler can forget to. [Trail] tells
// what stands there: to administrators all of it, to everybody what concerns
// their own account.
//
// Who forgot the password is nobody yet, and comes as a [Peer]: a link that was
// mailed or handed over ([Passwords.Forgot], [Passwords.ResetLink]) lets them
// choose another password and opens nothing else. Letters are sent by a
// [Mailer], in the background. What people show to services that know them by
// accounts of their own is kept by [Upstreams], and handed to the route of that
// service alone.
//
// Who somebody is elsewhere comes as an [External], and is one account here: the
// one whose owner linked it, in an unlocked session, to that issuer and subject
// ([Bindings.Create]). No address and no name finds an account; where a provider's
// people get one, it is a new one ([Sessions.SignInThrough]). A session that was
// begun so ends with the link, with the provider's configuration, when the
// provider says so ([Sessions.LoggedOut]) and when it vouches for the person no
// more, which it is asked while the session is in use ([Elsewhere]).
//
// Credentials are kept as keyed hashes or sealed; a copy of the store logs
// nobody in. What grants is written last and removed first: a crash between
// two writes leaves a dead listing, never a live secret nobody sees.
//
// The package keeps no HTTP, no SSH connection and no page. It fails closed:
// when the store does not answer, nobody is let in and nobody is logged out.
package auth
