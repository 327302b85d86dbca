package auth

import (
	"context"

	"github.com/latchkey-io/latchkey/keystore"
)

// A view reads records for one decision and remembers which keys it read, so
// that the answer can be kept exactly as long as none of them changes.
type view struct {
	a    *Authority
	deps []string
	sys  *systemRecord
}

// look reads a record for v.
func look[T any](ctx context.Context, v *view, t keystore.Table[T], id string) (T, error) {
	v.deps = append(v.deps, t.Key(id))
	rec, _, err := t.Get(ctx, id)
	return rec, err
}

// lookBond is look for the bond alone.
func lookBond[T bonded](ctx context.Context, v *view, t keystore.Table[T], id string) (bond, error) {
	r, err := look(ctx, v, t, id)
	return r.tie(), err
}

func (v *view) system(ctx context.Context) (systemRecord, error) {
	if v.sys == nil {
		rec, err := look(ctx, v, v.a.rec.system, systemID)
		if err != nil {
			return rec, storeFailed(err)
		}
		v.sys = &rec
	}
	return *v.sys, nil
}

// account reads the account of name; nil where there is none.
func (v *view) account(ctx context.Context, name string) (*account, error) {
	acc, err := look(ctx, v, v.a.rec.accounts, name)
	switch {
	case gone(err):
		return nil, nil
	case err != nil:
		return nil, storeFailed(err)
	}
	v.a.lapse(&acc)
	return &acc, nil
}

// live tells why b does not hold for acc now ("" when it does), asking each of
// its parents as well. err means that the store did not answer.
func (v *view) live(ctx context.Context, kind Kind, b bond, acc *account) (why string, err error) {
	if why, err = v.holds(ctx, kind, b, acc); why != "" || err != nil {
		return why, err
	}
	for _, p := range b.Parents {
		if why, err = v.parentHolds(ctx, p, acc); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// Why a credential does not hold, where somebody asks.
const (
	whyRevoked  = "revoked"
	whyExpired  = "expired"
	whyNobody   = "the account is gone"
	whyDisabled = "the account is disabled"
	whyEpoch    = "ended with others of the account"
	whySystem   = "ended with all others"
	whyPassword = "the password it was made with has changed"
	whyProvider = "its provider is not configured any more"
)

// holds is live without the parents.
func (v *view) holds(ctx context.Context, kind Kind, b bond, acc *account) (why string, err error) {
	sys, err := v.system(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case acc == nil || acc.UID != b.UID:
		return whyNobody, nil
	case !b.Ended.IsZero():
		return whyRevoked, nil
	case acc.Disabled:
		return whyDisabled, nil
	case b.Epoch != acc.Epochs.of(kind):
		return whyEpoch, nil
	case b.System != sys.Epochs.of(kind):
		return whySystem, nil
	case !b.Expires.IsZero() && !v.a.now().Before(b.Expires):
		return whyExpired, nil
	}
	return "", nil
}

func (v *view) parentHolds(ctx context.Context, p Ref, acc *account) (why string, err error) {
	var b bond
	switch p.Kind {
	case KindPassword:
		if p.Epoch != acc.Epochs.Password {
			return whyPassword, nil
		}
		return "", nil
	case KindGrant:
		if _, err = look(ctx, v, v.a.rec.revoked, p.ID); err == nil {
			return "the short token it was made with is revoked", nil
		} else if gone(err) {
			return "", nil
		}
	case KindAPIKey:
		b, err = lookBond(ctx, v, v.a.rec.creds, p.ID)
	case KindToken:
		b, err = lookBond(ctx, v, v.a.rec.tokens, p.ID)
	case KindRefresh:
		b, err = lookBond(ctx, v, v.a.rec.families, p.ID)
	case KindSSHKey:
		var r sshKeyRecord
		r, err = look(ctx, v, v.a.rec.sshKeys, p.ID)
		if err == nil && r.Registration != p.Epoch {
			return "the SSH key it was made with was deleted, and registered again since", nil
		}
		b = r.bond
	case KindBinding:
		var r bindingRecord
		r, err = look(ctx, v, v.a.rec.bindings, p.ID)
		switch {
		case err != nil:
		case r.Registration != p.Epoch:
			return "the linked account was unlinked, and linked again since", nil
		case !v.a.trusts(r.Issuer):
			return "the linked account does not count: " + whyProvider, nil
		}
		b = r.bond
	case KindSession:
		b, err = lookBond(ctx, v, v.a.rec.sessions, p.ID)
	default:
		return "made with something unknown", nil
	}
	switch {
	case gone(err):
		return "what it was made with has ended", nil
	case err != nil:
		return "", storeFailed(err)
	}
	why, err = v.holds(ctx, p.Kind, b, acc)
	if why != "" {
		why = "what it was made with has ended: " + why
	}
	return why, err
}
