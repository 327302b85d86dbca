package auth

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Keys keeps the users' API keys, one each.
type Keys struct{ a *Authority }

// Key is a user's API key. Secret is set only where it is handed over.
type Key struct {
	Owner    string    `json:"owner"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	LastUsed Use       `json:"last_used,omitzero"`
	Secret   Secret    `json:"-"`
}

// credRecord, at the keyed hash of a secret, is what makes it work: an API key
// where Token is empty, else the reference form of that token.
type credRecord struct {
	bond
	Token string `json:"token,omitempty"`
}

// keyRecord is the owner's listing: the key sealed, so that it can be shown.
type keyRecord struct {
	Hash   string `json:"hash"`
	Sealed []byte `json:"sealed"`
}

// keyID names an API key in the audit trail and to upstreams of the trail: the
// first characters of its hash.
func keyID(hash string) string { return hash[:12] }

// own reads the owner's listing and whether the key it lists is live. A
// listing without a live key is a leftover and counts as none.
func (k *Keys) own(ctx context.Context, owner string) (keyRecord, credRecord, bool, error) {
	v := &view{a: k.a}
	rec, err := look(ctx, v, k.a.rec.keys, owner)
	if gone(err) {
		return keyRecord{}, credRecord{}, false, nil
	} else if err != nil {
		return keyRecord{}, credRecord{}, false, storeFailed(err)
	}
	cred, err := look(ctx, v, k.a.rec.creds, rec.Hash)
	if gone(err) {
		return rec, credRecord{}, false, nil
	} else if err != nil {
		return rec, cred, false, storeFailed(err)
	}
	acc, err := v.account(ctx, owner)
	if err != nil {
		return rec, cred, false, err
	}
	if acc != nil && acc.Disabled {
		acc.Disabled = false // silent, not gone
	}
	why, err := v.live(ctx, KindAPIKey, cred.bond, acc)
	return rec, cred, why == "" && err == nil, err
}

// Create makes the owner's API key. Errors: Exists, Unsupported where creation
// is switched off, Forbidden.
func (k *Keys) Create(ctx context.Context, who Identity, owner string) (key Key, err error) {
	defer func() { k.a.Trail.acted(who, actKeyCreate, owner, err) }()
	if err := k.a.may(ctx, who, actKeyCreate, owner); err != nil {
		return Key{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, live, err := k.own(ctx, owner)
	if err != nil {
		return Key{}, err
	}
	if live {
		return Key{}, &Error{Code: Exists, Reason: "there is an API key already; show, rotate or revoke it"}
	}
	return k.make(ctx, who, owner, rec.Hash)
}

// Rotate ends the owner's API key and makes a new one: the old is dead before
// the new is answered. NotFound where there is none, but one that was cut off
// after it had ended the old key may be repeated.
func (k *Keys) Rotate(ctx context.Context, who Identity, owner string) (key Key, err error) {
	defer func() { k.a.Trail.acted(who, actKeyRotate, owner, err) }()
	if err := k.a.may(ctx, who, actKeyRotate, owner); err != nil {
		return Key{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, cred, live, err := k.own(ctx, owner)
	if err != nil {
		return Key{}, err
	}
	if cutOff := rec.Hash != "" && cred.UID == ""; !live && !cutOff {
		return Key{}, notFound("API key")
	}
	if hangsOn(who, KindAPIKey, rec.Hash) {
		return Key{}, forbidden("an API key does not rotate itself, nor does what was made with it; use your password or the browser")
	}
	if err := k.a.mayMakeKey(who); err != nil {
		return Key{}, err
	}
	if err := k.end(ctx, rec.Hash); err != nil {
		return Key{}, err
	}
	return k.make(ctx, who, owner, rec.Hash)
}

func (a *Authority) mayMakeKey(who Identity) error {
	if a.Policy().NoNewAPIKeys && !who.Admin {
		return forbidden("the administrators have switched new API keys off (profile.api_key_creation)")
	}
	if len(lineage(who)) > maxLineage {
		return forbidden("credentials have made credentials too often here; use your password")
	}
	return nil
}

// make lists a new key first and lets it work last. seen is the hash that the
// listing named when its key was found dead: a listing that names another by
// now is of a key made meanwhile, which is not written over.
func (k *Keys) make(ctx context.Context, who Identity, owner, seen string) (Key, error) {
	if err := k.a.mayMakeKey(who); err != nil {
		return Key{}, err
	}
	v := &view{a: k.a}
	acc, sys, err := k.a.forBond(ctx, v, who, owner)
	if err != nil {
		return Key{}, err
	}
	secret := newSecretText(apiKeyPrefix, apiKeyLength)
	hash := k.a.ring().LookupID(lookupAPIKey, secret)
	cred := credRecord{bond: newBond(who, owner, acc, sys, KindAPIKey, k.a.now().UTC(), time.Time{})}
	listing := keyRecord{Hash: hash, Sealed: k.a.ring().Seal(sealAPIKey, acc.UID, []byte(secret))}
	twoAtOnce := &Error{Code: Exists, Reason: "another API key was made at the same moment; show that one"}
	_, err = k.a.rec.keys.Upsert(ctx, owner, func(r *keyRecord, _ *time.Time) error {
		if r.Hash != seen {
			return twoAtOnce
		}
		*r = listing
		return nil
	})
	if err != nil {
		return Key{}, storeFailed(err)
	}
	if seen != "" {
		if err := k.end(ctx, seen); err != nil {
			return Key{}, err
		}
	}
	if err := k.a.rec.creds.Create(ctx, hash, cred, time.Time{}); err != nil {
		return Key{}, storeFailed(err)
	}
	now, _, err := k.a.rec.keys.Get(ctx, owner)
	if err != nil && !gone(err) {
		return Key{}, storeFailed(err)
	}
	if now.Hash != hash {
		if err := k.end(ctx, hash); err != nil {
			return Key{}, err
		}
		return Key{}, twoAtOnce
	}
	return Key{Owner: owner, Created: cred.Created, Secret: NewSecret(secret)}, nil
}

// end makes a secret stop working.
func (k *Keys) end(ctx context.Context, hash string) error {
	if err := k.a.rec.creds.Delete(ctx, hash); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return nil
}

// Get tells of the owner's API key without handing it over. NotFound where
// there is none.
func (k *Keys) Get(ctx context.Context, who Identity, owner string) (Key, error) {
	if err := k.a.may(ctx, who, actKeyInfo, owner); err != nil {
		return Key{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, cred, live, err := k.own(ctx, owner)
	if err != nil {
		return Key{}, err
	}
	if !live {
		return Key{}, notFound("API key")
	}
	return Key{Owner: owner, Created: cred.Created, Expires: cred.Expires, LastUsed: k.a.lastUse(ctx, KindAPIKey, rec.Hash)}, nil
}

// Show hands the owner their API key. NotFound where there is none.
func (k *Keys) Show(ctx context.Context, who Identity, owner string) (key Key, err error) {
	defer func() { k.a.Trail.acted(who, actKeyShow, owner, err) }()
	if err := k.a.may(ctx, who, actKeyShow, owner); err != nil {
		return Key{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, cred, live, err := k.own(ctx, owner)
	if err != nil {
		return Key{}, err
	}
	if !live || cred.UID != who.uid {
		return Key{}, notFound("API key")
	}
	text, err := k.a.ring().Open(sealAPIKey, cred.UID, rec.Sealed)
	if err != nil {
		return Key{}, &Error{Code: Internal, Reason: "the API key cannot be opened; rotate it", Err: err}
	}
	return Key{
		Owner: owner, Created: cred.Created, Expires: cred.Expires,
		LastUsed: k.a.lastUse(ctx, KindAPIKey, rec.Hash), Secret: NewSecret(string(text)),
	}, nil
}

// Revoke ends the owner's API key. NotFound where there is none.
func (k *Keys) Revoke(ctx context.Context, who Identity, owner string) (err error) {
	defer func() { k.a.Trail.acted(who, actKeyRevoke, owner, err) }()
	if err := k.a.may(ctx, who, actKeyRevoke, owner); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, live, err := k.own(ctx, owner)
	if err != nil {
		return err
	}
	if rec.Hash != "" {
		if err := k.sweep(ctx, owner); err != nil {
			return storeFailed(err)
		}
	}
	if !live {
		return notFound("API key")
	}
	return nil
}

// sweep ends the key that owner's listing names, then lets the listing end: it
// and no other, or a key made meanwhile would live on where nobody sees it.
func (k *Keys) sweep(ctx context.Context, owner string) error {
	for {
		seen, _, err := k.a.rec.keys.Get(ctx, owner)
		if gone(err) {
			return nil
		} else if err != nil {
			return err
		}
		if err := k.end(ctx, seen.Hash); err != nil {
			return err
		}
		now, err := k.a.rec.keys.Update(ctx, owner, func(r *keyRecord, expires *time.Time) error {
			if r.Hash != seen.Hash {
				return keystore.ErrSkip
			}
			*r, *expires = keyRecord{}, k.a.now()
			return nil
		})
		if gone(err) || err == nil && now.Hash == "" {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// RevokeAll ends every API key of the installation by one swap.
func (k *Keys) RevokeAll(ctx context.Context, who Identity) (err error) {
	defer func() { k.a.Trail.acted(who, actKeyRevokeAll, "", err) }()
	if err := k.a.may(ctx, who, actKeyRevokeAll, ""); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	_, err = k.a.rec.system.Update(ctx, systemID, func(r *systemRecord, _ *time.Time) error {
		r.Epochs.Key++
		return nil
	})
	if errors.Is(err, keystore.ErrNotFound) {
		return &Error{Code: Internal, Reason: "the system record is missing", Err: err}
	}
	return storeFailed(err)
}
