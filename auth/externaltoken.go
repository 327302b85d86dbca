package auth

import (
	"context"
	"errors"
	"slices"
	"time"
)

// judgeDeadline is for a provider's keys: five seconds, and a little.
const judgeDeadline = 6 * time.Second

// errUnbound says that an identity is nobody's here.
var errUnbound = errors.New("the identity is linked to no user")

// byExternal finds whose an identity elsewhere is: of the account that it is
// bound to, by issuer and subject to the letter, whatever else the provider
// says. errUnbound where that is nobody, or was an account that is gone.
func (a *Authority) byExternal(ctx context.Context, v *view, ext External) (found, bindingRecord, error) {
	id := bindingID(ext.Issuer, ext.Subject)
	rec, err := look(ctx, v, a.rec.bindings, id)
	if gone(err) {
		return found{}, rec, errUnbound
	} else if err != nil {
		return found{}, rec, storeFailed(err)
	}
	acc, err := v.account(ctx, rec.User)
	if err != nil {
		return found{}, rec, err
	}
	why, err := v.holds(ctx, KindBinding, rec.bond, acc)
	switch {
	case err != nil:
		return found{}, rec, err
	case why == whyDisabled:
		return nobody(rec.User, acc), rec, unauthenticated(whyDisabled)
	case why != "":
		return found{}, rec, errUnbound
	}
	return found{
		acc: acc, name: rec.User, registration: rec.Registration, scopes: UserScope,
		via: Via{Kind: KindBinding, ID: id, ref: id}, ends: ext.Ends,
	}, rec, nil
}

// byExternalToken asks the providers of the route whose token it is, and then
// finds that person here.
func (a *Authority) byExternalToken(ctx context.Context, v *view, p ExternalToken) (found, error) {
	elsewhere := a.trusted().elsewhere
	if elsewhere == nil {
		return found{}, unauthenticated("no providers are configured")
	}
	judging, cancel := context.WithTimeout(ctx, judgeDeadline)
	defer cancel()
	ext, err := elsewhere.JudgeToken(judging, p.Providers, p.Secret)
	switch CodeOf(err) {
	case "":
	case Unauthenticated, Unavailable:
		return found{}, err
	default: // what is said of a token that is refused is the trail's
		return found{}, unauthenticated(err.Error())
	}
	of, err := a.vouched(ext)
	switch {
	case err != nil:
		return found{}, unauthenticated(err.Error())
	case !slices.Contains(p.Providers, of.Name):
		return found{}, unauthenticated("the token is of " + of.Name + ", which the route does not take")
	case ext.Ends.IsZero() || !a.now().Before(ext.Ends):
		return found{}, unauthenticated("the token has ended, or never does")
	}
	ctx, cancel = context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	f, _, err := a.byExternal(ctx, v, ext)
	if errors.Is(err, errUnbound) {
		return found{}, unauthenticated(err.Error())
	}
	return f, err
}
