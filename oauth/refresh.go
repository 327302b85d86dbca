package oauth

import (
	"context"
	"errors"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// maxRefreshToken is how much is kept to ask a provider again with, in bytes.
const maxRefreshToken = 4 << 10

// keepable reports a token that can be kept, and shown again.
func keepable(token string) bool {
	return token != "" && len(token) <= maxRefreshToken && visible(token)
}

// visible reports that there are VSCHAR alone, as codes and tokens have (RFC
// 6749 §A).
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// Refresh asks what a provider says now of somebody (auth.Elsewhere). It goes
// on when ctx is given up, for at most fifteen seconds: a provider may have
// taken the old secret back when the new one is lost.
func (l *Logins) Refresh(ctx context.Context, provider, subject string, refresh auth.Secret) (auth.External, error) {
	p := l.providers[provider]
	if p == nil || refresh.Empty() || subject == "" {
		return auth.External{}, refused("provider %s: there is nothing to ask with", quote(provider))
	}
	ext, err := p.way.refresh(context.WithoutCancel(ctx), subject, refresh)
	if ours, ok := errors.AsType[misfit](err); ok {
		return auth.External{}, p.down("%w", ours.error)
	}
	switch {
	case auth.CodeOf(err) == auth.Unavailable:
		return auth.External{}, err
	case err != nil:
		return auth.External{}, &auth.Error{Code: auth.Unauthenticated, Reason: p.title + " does not vouch for this account any more; sign in again", Err: err}
	case ext.Subject != subject:
		return auth.External{}, refused("provider %s: it names somebody else", p.name)
	}
	return ext, nil
}
