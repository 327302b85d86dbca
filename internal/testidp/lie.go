package testidp

import "slices"

// Outcome is what must come of a sign-in at a provider that lies.
type Outcome string

const (
	// Refused: nobody is signed in, nothing is bound or unlocked. Of Refresh:
	// the provider vouches for nobody any more. Of Logout: 400, nothing ends.
	Refused Outcome = "refused"
	// RefusedFresh: as Refused where a fresh sign-in was asked for; else Allowed.
	RefusedFresh Outcome = "refused where fresh"
	// RefusedFreshOrEither: as Refused where a fresh sign-in was asked for; else Either.
	RefusedFreshOrEither Outcome = "refused where fresh, else either"
	// Allowed: it is as if nothing had been said. It is no lie, but near one.
	Allowed Outcome = "allowed"
	// Unverified: Allowed, and there is no verified e-mail address.
	Unverified Outcome = "unverified"
	// Either: a client may take it or leave it, in bounded time and memory,
	// and sees nobody but the user that the provider told of.
	Either Outcome = "either"
)

// Lie is one thing that a provider says wrongly, or nearly so. Those of Discovery
// and JWKS show to clients that have not read these yet, and those of Userinfo
// to clients that ask there, as they must of an OIDC that is not Full.
type Lie struct {
	Name  string // what is wrong, beginning with the place
	Where Where
	Must  Outcome
	Slow  bool // the client will wait for as long as it waits for anything
	Apply func(*OIDC)
}

// Lies are all that an OIDC can tell.
func Lies() []Lie {
	return slices.Concat(
		issuerLies(), audienceLies(), nonceLies(), subjectLies(), timeLies(), authTimeLies(),
		keyLies(), headerLies(), keySetLies(), profileLies(), callbackLies(), tokenLies(),
		discoveryLies(), documentLies(), refreshLies(), logoutLies())
}

// claim is a lie about one claim of a token; absent takes it away.
func claim(where Where, must Outcome, name, says string, value any) Lie {
	return claimBy(where, must, name+" "+says, func(_ *OIDC, c map[string]any) { set(c, name, value) })
}

func claimBy(where Where, must Outcome, says string, f func(*OIDC, map[string]any)) Lie {
	return jwtLie(where, must, says, func(o *OIDC, j *JWT) { f(o, j.Claims) })
}

func jwtLie(where Where, must Outcome, says string, f func(*OIDC, *JWT)) Lie {
	return Lie{Name: string(where) + ": " + says, Where: where, Must: must, Apply: func(o *OIDC) {
		o.ChangeJWT(where, func(j *JWT) { f(o, j) })
	}}
}

// member is a lie about one member of a document.
func member(where Where, must Outcome, name, says string, value any) Lie {
	return docLie(where, must, name+" "+says, func(_ *OIDC, doc map[string]any) { set(doc, name, value) })
}

func docLie(where Where, must Outcome, says string, f func(*OIDC, map[string]any)) Lie {
	return Lie{Name: string(where) + ": " + says, Where: where, Must: must, Apply: func(o *OIDC) {
		o.Change(where, func(doc map[string]any) { f(o, doc) })
	}}
}

// set gives a member a value, or takes it away.
func set(doc map[string]any, name string, value any) {
	if value == absent {
		delete(doc, name)
	} else {
		doc[name] = value
	}
}

// absent is the value of what is not there.
const absent = missing("absent")

type missing string
