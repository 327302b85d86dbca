package oauth

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/url"

	"github.com/latchkey-io/latchkey/auth"
)

// Finish judges what a browser brought back to the callback of a provider. kept
// reads the cookie of an id, which is found in the answer. What it gives back
// was said by that provider, to us, in answer to that attempt, begun in that
// browser within ten minutes, and not used before. The attempt is told with
// errors as well, once the cookie has shown it.
//
// Errors: NotFound; Invalid for an answer that is not to an attempt of this
// browser at this provider; Forbidden when the provider or a rule says no;
// Unavailable; those of Config.Spend. It takes at most twenty seconds.
func (l *Logins) Finish(ctx context.Context, provider string, back url.Values, kept func(id string) (sealed string, ok bool)) (auth.External, auth.Attempt, error) {
	p, err := l.provider(provider)
	if err != nil {
		return auth.External{}, auth.Attempt{}, err
	}
	got, err := readAnswer(back)
	if err != nil {
		return auth.External{}, auth.Attempt{}, err
	}
	a, err := l.begun(p, got, kept)
	if err != nil {
		return auth.External{}, a.Attempt, err
	}
	ext, err := l.finish(ctx, p, got, a)
	if err != nil {
		return auth.External{}, a.Attempt, err
	}
	return ext, a.Attempt, nil
}

// begun is the attempt that an answer belongs to. One that took too long is told
// with the error.
func (l *Logins) begun(p *login, got answer, kept func(id string) (string, bool)) (*attempt, error) {
	id := got.state[:idLength]
	sealed, ok := kept(id)
	if !ok {
		return &attempt{}, notOurs("the browser has no cookie of the attempt %s", quote(id))
	}
	a, err := openAttempt(l.ring, id, sealed)
	if err != nil {
		return &attempt{}, notOurs("the cookie of the attempt %s does not open", quote(id))
	}
	if a.provider != p.name {
		return &attempt{}, notOurs("the attempt is at provider %s, the answer came to that of %s", a.provider, p.name)
	}
	if age := l.now().Sub(a.Begun); age > attemptLife || age < -leeway {
		e := notOurs("the attempt was begun at %s", stamp(a.Begun))
		e.Reason = "this took too long; start again"
		return a, e
	}
	if subtle.ConstantTimeCompare([]byte(a.state), []byte(got.state)) != 1 {
		return &attempt{}, notOurs("the state is not that of the attempt")
	}
	return a, nil
}

// finish uses an attempt up.
func (l *Logins) finish(ctx context.Context, p *login, got answer, a *attempt) (auth.External, error) {
	// RFC 9207 §2.4: the answer of another provider is told by its name.
	if got.named && !p.calls(got.iss) {
		return auth.External{}, notOurs("the answer is of issuer %s and not %s", quote(got.iss), quote(p.issuer))
	}
	if !got.named {
		names, err := p.way.names(ctx)
		if err != nil {
			return auth.External{}, err
		}
		if names {
			return auth.External{}, notOurs("the answer has no iss, which %s is known to send", p.name)
		}
	}
	if err := l.spend(ctx, a.state, a.Begun.Add(attemptLife+leeway)); err != nil {
		if auth.CodeOf(err) == auth.Exists {
			e := notOurs("the attempt %s was used before", quote(a.id()))
			e.Reason = "this was used already; start again if you are not signed in"
			return auth.External{}, e
		}
		return auth.External{}, err
	}
	if err := got.fault(p.client); err != nil {
		return auth.External{}, err
	}
	ext, err := p.way.exchange(ctx, got.code, a)
	if err != nil {
		return auth.External{}, err
	}
	if !isSubject(ext.Subject) {
		return auth.External{}, p.denied("the id of the person is not one of up to %d printable bytes", maxPersonID)
	}
	return ext, nil
}

// notOurs is an answer that belongs to no attempt of this browser.
func notOurs(format string, args ...any) *auth.Error {
	return &auth.Error{
		Code: auth.Invalid, Field: "state", Err: fmt.Errorf(format, args...),
		Reason: "this way back does not belong to a way there from this browser; start again",
	}
}
