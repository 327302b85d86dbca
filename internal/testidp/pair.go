package testidp

import (
	"slices"
	"strings"
)

// Pair is two lies of a sign-in told at once. It is refused when either is. ok
// is false for two that are about one thing, where the second may take back
// what the first said: two keys, or a subject that is told in two places.
func Pair(a, b Lie) (both Lie, ok bool) {
	if a.topic() == b.topic() || slices.Contains([]Where{Refresh, Logout}, a.Where) || slices.Contains([]Where{Refresh, Logout}, b.Where) {
		return Lie{}, false
	}
	both = Lie{Name: a.Name + " + " + b.Name, Where: a.Where, Must: graver(a.Must, b.Must), Slow: a.Slow || b.Slow}
	both.Apply = func(o *OIDC) {
		a.Apply(o)
		b.Apply(o)
	}
	return both, true
}

// byWeight are the outcomes; the later one decides for a pair.
var byWeight = []Outcome{Allowed, Unverified, Either, RefusedFresh, RefusedFreshOrEither, Refused}

func graver(a, b Outcome) Outcome {
	both := []Outcome{a, b}
	if slices.Contains(both, RefusedFresh) && (slices.Contains(both, Either) || slices.Contains(both, Unverified)) {
		return RefusedFreshOrEither
	}
	return byWeight[max(slices.Index(byWeight, a), slices.Index(byWeight, b))]
}

// topic is what a lie is about, whatever it says of it.
func (l Lie) topic() string {
	where, rest, _ := strings.Cut(l.Name, ": ")
	word, _, _ := strings.Cut(rest, " ")
	switch {
	case l.Where == JWKS:
		return "keys"
	case word == "sub":
		return "subject"
	case l.Where == IDToken && (word == "aud" || word == "azp"):
		return "audience"
	case l.Where == IDToken && !slices.Contains([]string{"iss", "nonce", "exp", "nbf", "iat", "auth_time", "at_hash"}, word):
		return "keys" // of headers, keys and signatures
	case slices.Contains([]Where{Discovery, Token, Userinfo}, l.Where) && !strings.Contains(word, "_") && word != "issuer":
		return where // of whole documents
	}
	return where + " " + word
}
