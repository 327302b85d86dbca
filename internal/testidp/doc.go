// Package testidp has the identity providers that tests sign in through: an
// OpenID provider (OIDC), a server with GitHub's quirks (GitHub) and a plain
// OAuth 2 server in the manner of Cloud Foundry's UAA (UAA), each on a listener
// of its own on 127.0.0.1.
//
// They promise to be truthful and strict. A client that breaks a rule fails the
// test by itself: no PKCE or one that is not S256, a verifier, state or nonce
// used for two attempts, a redirect URI that is not registered to the letter, a
// code or a refresh token sent twice, a secret in a URL, a parameter twice.
//
// An OIDC also lies on demand. A Lie changes one thing that it says, and tells
// what must come of it; lies combine (Pair), and Honest takes them back:
//
//	for _, lie := range testidp.Lies() {
//		t.Run(lie.Name, func(t *testing.T) {
//			op.Under(t) // this test is at fault from now on
//			op.Honest()
//			lie.Apply(op)
//			… a sign-in with a new client; see lie.Must
//		})
//	}
//
// They are not complete: there is one client each, no consent, no page to sign
// in at. Whoever comes is signed in as the user that SignIn or Choose named.
package testidp
