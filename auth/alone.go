package auth

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

const (
	// aloneFor is how long others are kept out at most. It is longer than what
	// is done meanwhile may take (signInDeadline), so that nobody is joined.
	aloneFor = 10 * time.Second
	aloneTry = 50 * time.Millisecond // between two looks whether it is over
)

// alone waits until nobody else, on any replica, is alone with what; over ends
// it, and so does aloneFor. Throttled when ctx ends first.
func (a *Authority) alone(ctx context.Context, what string) (over func(), err error) {
	id := a.ring().LookupID(lookupAlone, what)
	for {
		err := a.rec.forms.Create(ctx, id, struct{}{}, a.now().Add(aloneFor))
		if err == nil {
			break
		}
		if !errors.Is(err, keystore.ErrExists) {
			return nil, storeFailed(err)
		}
		if !pause(ctx, aloneTry) {
			return nil, &Error{Code: Throttled, RetryAfter: aloneFor, Reason: "the same is being done at this moment; try again in some seconds", Err: ctx.Err()}
		}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
		defer cancel()
		if err := a.rec.forms.Delete(ctx, id); err != nil {
			a.c.Log.Debug("others are kept waiting for some seconds", "error", err)
		}
	}, nil
}
