package auth

import (
	"context"
	"errors"
	"slices"
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

// list puts an id on its owner's list, making room where what stands on it has
// ended.
func (t *Tokens) list(ctx context.Context, owner, id string) error {
	err := t.shelf.list(ctx, owner, id)
	if errors.Is(err, errListFull) {
		if err := t.shelf.tidy(ctx, owner, t.forget); err != nil {
			return err
		}
		err = t.shelf.list(ctx, owner, id)
	}
	if errors.Is(err, errListFull) {
		return invalid("owner", "%s has %d tokens, which is the most; revoke some", owner, maxTokensOf)
	}
	return err
}

// List shows the live tokens of owner, newest first.
func (t *Tokens) List(ctx context.Context, who Identity, owner string) ([]Token, error) {
	if err := t.a.may(ctx, who, actTokenShow, owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	out, err := t.listed(ctx, owner)
	for i := range out {
		t.tellUses(ctx, &out[i])
	}
	return out, err
}

// listed reads the live tokens of owner, newest first.
func (t *Tokens) listed(ctx context.Context, owner string) ([]Token, error) {
	sys, err := (&view{a: t.a}).system(ctx)
	if err != nil {
		return nil, err
	}
	live, err := t.shelf.live(ctx, owner)
	if err != nil {
		return nil, err
	}
	out := make([]Token, 0, len(live))
	for _, l := range slices.Backward(live) {
		out = append(out, l.rec.token(sys, l.id))
	}
	return out, nil
}

// find reads a token that who may know of: their own, any for an
// administrator, and the very one they came with. To others it is not there.
func (t *Tokens) find(ctx context.Context, who Identity, what act, id string) (tokenRecord, error) {
	rec, _, err := t.a.rec.tokens.Get(ctx, id)
	if err != nil && !gone(err) {
		return rec, storeFailed(err)
	}
	if gone(err) || t.over(rec) || rec.User != who.User && !who.Admin || rec.User == who.User && rec.UID != who.uid && !who.Admin {
		return rec, notFound("token")
	}
	if who.Via.Kind == KindToken && who.Via.ID == id && (what == actTokenShow || what == actTokenRevoke) {
		return rec, nil
	}
	return rec, t.a.may(ctx, who, what, rec.User)
}

// Get shows one token.
func (t *Tokens) Get(ctx context.Context, who Identity, id string) (Token, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, err := t.find(ctx, who, actTokenShow, id)
	if err != nil {
		return Token{}, err
	}
	sys, err := (&view{a: t.a}).system(ctx)
	if err != nil {
		return Token{}, err
	}
	tok := rec.token(sys, id)
	t.tellUses(ctx, &tok)
	return tok, nil
}
