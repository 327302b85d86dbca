package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
)

// Grant asks for a short token for one repository, as git-lfs-authenticate
// hands out: ES256, without a record of its own, good while the credential it
// was made with, its user and its end are, and revocable by its id.
type Grant struct {
	Route, Repo string
	Op          Op            // Read, or Write (which reads as well)
	Life        time.Duration // at most MaxGrant, and never longer than the caller's credential
}

// MaxGrant bounds the life of a grant.
const MaxGrant = 6 * time.Hour

const (
	// maxGrantRevocations are those of one owner within guessWindow.
	maxGrantRevocations = 200

	grantIDPrefix  = "g-"
	grantTagLength = 8
)

// Grant makes a short token. The caller needs no more than the right to what
// it opens, which Allow has been asked for; here only attenuation is checked.
func (t *Tokens) Grant(ctx context.Context, who Identity, g Grant) (secret Secret, expires time.Time, err error) {
	defer func() {
		if err != nil {
			t.a.Trail.acted(who, actTokenGrant, g.Route+"/"+g.Repo, err)
		}
	}()
	if !who.Known() || who.uid == "" {
		return Secret{}, time.Time{}, unauthenticated("a grant needs an account")
	}
	actions := "r"
	if g.Op != Read {
		actions = "rw"
	}
	scope := Scope{Kind: ScopeArtifact, Target: g.Route + "/" + g.Repo, Actions: actions}
	if parsed, err := ParseScopes(scope.String()); err != nil {
		return Secret{}, time.Time{}, err
	} else if len(parsed) != 1 || parsed[0].Target != scope.Target || g.Route == "" || g.Repo == "" || strings.ContainsAny(scope.Target, "*:") {
		return Secret{}, time.Time{}, invalid("repository", "a grant is for one repository, and %q is not the name of one", g.Repo)
	}
	// What a groups scope has opened is opened by these groups alone through
	// the grant as well, whatever else its user is in.
	groups, narrow := who.allGroups, who.narrowed
	for _, op := range actions {
		switch {
		case who.Scopes.User() || who.opensArtifact(g.Route, g.Repo, Op(op)):
		case who.Scopes.covering():
			groups, narrow = who.Groups, true
		default:
			return Secret{}, time.Time{}, forbidden("the credential's scope %q does not cover %q", who.Scopes, scope)
		}
	}
	claims := map[string]any{"scp": scope.String()}
	if narrow {
		claims["nar"], claims["grp"] = true, groups
	}
	return t.signGrant(ctx, who, min(max(g.Life, time.Second), MaxGrant), claims)
}

// signGrant adds to claims whose token it is and what it ends with. It never
// lives longer than who's credential.
func (t *Tokens) signGrant(ctx context.Context, who Identity, life time.Duration, claims map[string]any) (secret Secret, expires time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	v := &view{a: t.a}
	acc, err := v.account(ctx, who.User)
	if err != nil {
		return Secret{}, time.Time{}, err
	}
	if acc == nil || acc.UID != who.uid || acc.Disabled {
		return Secret{}, time.Time{}, unauthenticated("the account is gone or disabled")
	}
	sys, err := v.system(ctx)
	if err != nil {
		return Secret{}, time.Time{}, err
	}
	parents := lineage(who)
	if len(parents) > maxLineage {
		return Secret{}, time.Time{}, forbidden("tokens have made tokens too often here; begin with your password or a key")
	}
	now := t.a.now()
	expires = now.Add(life).Truncate(time.Second)
	if !who.Expires.IsZero() && expires.After(who.Expires) {
		expires = who.Expires.Truncate(time.Second)
	}
	maps.Copy(claims, map[string]any{
		"iss": sys.issuer(), "sub": sys.subject(who.User),
		"iat": now.Unix(), "exp": expires.Unix(), "jti": t.a.newGrantID(acc.UID),
		"uid": acc.UID, "ep": acc.Epochs.of(KindGrant), "sep": sys.Epochs.of(KindGrant), "par": packRefs(parents),
	})
	text, err := t.a.ring().SignJWT(seal.Quick, typGrant, claims)
	if err != nil {
		return Secret{}, time.Time{}, &Error{Code: Internal, Reason: "the token could not be signed", Err: err}
	}
	return NewSecret(text), expires, nil
}

func (a *Authority) byGrant(ctx context.Context, v *view, named, subject string, c claims) (found, error) {
	if c.Expires == 0 || !isGrantID(c.ID) {
		return found{}, unauthenticated("a short token without an end or id")
	}
	_, err := look(ctx, v, a.rec.revoked, c.ID)
	if err == nil {
		return found{}, unauthenticated("the short token is revoked")
	} else if !gone(err) {
		return found{}, storeFailed(err)
	}
	parents, err := unpackRefs(c.Parents)
	if err != nil {
		return found{}, unauthenticated("a short token made with something unknown")
	}
	f, err := a.bonded(ctx, v, KindGrant, bond{
		User: subject, UID: c.UID, Epoch: c.Epoch, System: c.System,
		Parents: parents, Expires: time.Unix(c.Expires, 0).UTC(),
	}, named)
	if err != nil {
		return found{}, err
	}
	if f.scopes, err = ParseScopes(c.Scope); err != nil {
		return found{}, unauthenticated("the short token's scope cannot be read")
	}
	if f.whole = c.Whole; f.whole && !f.acc.Admin && f.scopes.admin() {
		return found{}, unauthenticated("a token for administrators whose owner is none any more")
	}
	if c.Narrow {
		f.narrowed, f.acc.Admin = true, false
		f.acc.Groups = slices.DeleteFunc(f.acc.Groups, func(g string) bool { return !slices.Contains(c.Groups, g) })
	}
	f.via = Via{Kind: KindGrant, ID: c.ID, Parents: parents, ref: c.ID}
	return f, nil
}

// revokeGrant ends a grant before its time: by its own bearer, its owner's other
// credentials, or an administrator.
func (t *Tokens) revokeGrant(ctx context.Context, who Identity, id string) error {
	if !who.Known() {
		return unauthenticated("no credential")
	}
	owner := who.uid != "" && strings.HasPrefix(id, grantIDPrefix+t.a.grantTag(who.uid)+"-")
	if !owner && !who.Admin {
		return notFound("token")
	}
	if who.Via.ID != id {
		if err := t.a.may(ctx, who, actTokenRevoke, who.User); err != nil {
			return err
		}
	}
	if !who.Admin {
		// Nothing tells an id that was never given out from one that was.
		wait, err := t.a.take(ctx, "revocations/"+who.User, maxGrantRevocations)
		if err != nil {
			return err
		}
		if wait > 0 {
			return &Error{Code: Throttled, RetryAfter: wait, Reason: "too many short tokens were revoked in a few minutes; revoke what they were made with, which ends them all"}
		}
	}
	return t.a.endGrant(ctx, id)
}

func (a *Authority) endGrant(ctx context.Context, id string) error {
	err := a.rec.revoked.Create(ctx, id, struct{}{}, a.now().Add(MaxGrant+time.Hour))
	if errors.Is(err, keystore.ErrExists) {
		return nil
	}
	return storeFailed(err)
}

// newGrantID draws an id that bears its account's tag, so that the owner of a
// grant can end it by its id although no record says whose it is.
func (a *Authority) newGrantID(uid string) string {
	return grantIDPrefix + a.grantTag(uid) + "-" + randomID()
}

func (a *Authority) grantTag(uid string) string {
	return a.ring().LookupID(lookupGrant, uid)[:grantTagLength]
}

// isGrantID tells a grant's id from a token's.
func isGrantID(id string) bool {
	return len(id) == len(grantIDPrefix)+grantTagLength+37 && strings.HasPrefix(id, grantIDPrefix)
}

// packRefs writes references as texts KIND:EPOCH:ID for a claim.
func packRefs(refs []Ref) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = fmt.Sprintf("%s:%d:%s", r.Kind, r.Epoch, r.ID)
	}
	return out
}

func unpackRefs(texts []string) ([]Ref, error) {
	if len(texts) == 0 || len(texts) > maxLineage {
		return nil, errors.New("no parents, or too many")
	}
	out := make([]Ref, len(texts))
	for i, text := range texts {
		kind, rest, _ := strings.Cut(text, ":")
		epoch, id, ok := strings.Cut(rest, ":")
		n, err := strconv.ParseUint(epoch, 10, 64)
		if !ok || err != nil {
			return nil, errors.New("a reference of another form")
		}
		out[i] = Ref{Kind: Kind(kind), ID: id, Epoch: n}
	}
	return out, nil
}
