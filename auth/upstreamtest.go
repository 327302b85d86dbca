package auth

import (
	"context"
	"time"
)

// UpstreamAnswer is what became of a test.
type UpstreamAnswer struct {
	Accepted bool   `json:"accepted"`         // the upstream answered with a success
	Status   int    `json:"status,omitempty"` // of the upstream; 0: it gave no answer
	Said     string `json:"said"`             // one true sentence for a person
}

// UpstreamProbe asks an upstream once whether it takes a name and secret.
//
// Probe sends one GET to up.URL with the credential in the way of up, and to
// no other host: it follows no redirect and obeys no proxy of the environment.
// It verifies certificates, gives up after a few seconds, reads a bounded part
// of the answer and keeps nothing of it. Its sentence holds no part of the
// secret, nor any text of the upstream's.
type UpstreamProbe interface {
	Probe(ctx context.Context, up Upstream, name string, secret Secret) UpstreamAnswer
}

const (
	// upstreamTries are how often an owner's credentials are tested or stored
	// within guessWindow, by whomever: each may be a guess at somebody else's
	// door.
	upstreamTries    = 20
	upstreamDeadline = 10 * time.Second // for a probe that knows no end of its own
)

// Test asks an upstream whether it takes a name and secret: those given, which
// are not stored, or owner's stored ones when both are empty. Errors: Invalid
// in field "name" or "secret", NotFound (no such upstream, or nothing stored),
// Throttled, Forbidden, Unsupported.
func (u *Upstreams) Test(ctx context.Context, who Identity, owner, upstream, name string, secret Secret) (answer UpstreamAnswer, err error) {
	target := owner
	defer func() { u.a.Trail.acted(who, actUpstreamTest, target, err) }()
	if err := u.a.may(ctx, who, actUpstreamTest, owner); err != nil {
		return UpstreamAnswer{}, err
	}
	known := u.known()
	up, there := known.find(upstream)
	if !there {
		return UpstreamAnswer{}, noUpstream()
	}
	target += " " + upstream
	if known.probe == nil {
		return UpstreamAnswer{}, &Error{Code: Unsupported, Reason: "nothing here can test upstreams"}
	}
	if name, secret, err = u.toTest(ctx, who, owner, up, name, secret); err != nil {
		return UpstreamAnswer{}, err
	}
	probing, cancel := context.WithTimeout(ctx, upstreamDeadline)
	defer cancel()
	return known.probe.Probe(probing, up, name, secret), nil
}

// toTest finds what is to be tried, and takes the try from the owner's budget.
func (u *Upstreams) toTest(ctx context.Context, who Identity, owner string, up Upstream, name string, secret Secret) (string, Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, err := u.keeper(ctx, who, owner)
	if err != nil {
		return "", Secret{}, err
	}
	if name == "" && secret.Empty() {
		name, secret, err = u.stored(ctx, owner, acc, up)
	} else {
		err = up.check(name, secret)
	}
	if err != nil {
		return "", Secret{}, err
	}
	return name, secret, u.pay(ctx, owner)
}

// pay takes one try from owner's budget. To store a name and secret and to
// use the route is to try them as well.
func (u *Upstreams) pay(ctx context.Context, owner string) error {
	wait, err := u.a.take(ctx, "upstream/"+owner, upstreamTries)
	if err == nil && wait > 0 {
		return &Error{Code: Throttled, Reason: "too many upstream credentials were tried; try again later", RetryAfter: min(wait, 300*time.Second)}
	}
	return err
}

// stored is the name and secret of acc for up.
func (u *Upstreams) stored(ctx context.Context, owner string, acc *account, up Upstream) (string, Secret, error) {
	rec, err := u.record(ctx, &view{a: u.a}, owner, acc)
	if err != nil {
		return "", Secret{}, err
	}
	s, there := rec.Of[up.Name]
	if !there {
		return "", Secret{}, &Error{Code: NotFound, Reason: "nothing is stored for this upstream; enter what is to be tested"}
	}
	if s.fits(up) {
		if name, secret, ok := u.open(acc.UID, up.Name, s); ok {
			return name, secret, nil
		}
	}
	return "", Secret{}, invalid("secret", "the upstream has changed since this was entered, so it is not sent; enter it again")
}
