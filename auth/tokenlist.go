package auth

import (
	"context"
	"strings"
	"time"
)

// TokenFilter selects tokens of a list; zero values match all.
type TokenFilter struct {
	Owner       string
	Description string // exact, or what it begins with when it ends in *
	Refreshable *bool
}

const (
	maxListed  = 10_000
	listAllFor = 10 * time.Second
)

// ListAll shows the live tokens of everybody to an administrator, and their own
// to others. It reads every user's list: it is for lists that people look at.
func (t *Tokens) ListAll(ctx context.Context, who Identity, f TokenFilter) ([]Token, error) {
	if f.Owner == "" && !who.Admin {
		f.Owner = who.User
	}
	if err := t.a.may(ctx, who, actTokenShow, f.Owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, listAllFor)
	defer cancel()
	owners := []string{f.Owner}
	if f.Owner == "" {
		var err error
		if owners, err = t.a.Users.names(ctx); err != nil {
			return nil, err
		}
	}
	all := []Token{}
	for _, owner := range owners {
		tokens, err := t.listed(ctx, owner)
		if err != nil {
			return nil, err
		}
		for _, tok := range tokens {
			if f.matches(tok) {
				all = append(all, tok)
			}
		}
		if len(all) > maxListed {
			return nil, invalid("username", "there are more than %d such tokens; ask for those of one user", maxListed)
		}
	}
	return all, nil
}

func (f TokenFilter) matches(t Token) bool {
	if f.Refreshable != nil && *f.Refreshable != t.Refreshable {
		return false
	}
	if prefix, ok := strings.CutSuffix(f.Description, "*"); ok {
		return strings.HasPrefix(t.Description, prefix)
	}
	return f.Description == "" || f.Description == t.Description
}

// Installation is this installation's id, of which issuers and subjects of
// tokens are made.
func (t *Tokens) Installation(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	sys, err := (&view{a: t.a}).system(ctx)
	return sys.Service, err
}
