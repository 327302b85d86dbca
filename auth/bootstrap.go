package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/keystore"
)

const ringKey = "system/ring"

// OpenRing loads the master key at path and opens the key ring of the store.
// In an empty store it makes the ring, and the file first where there is none;
// created reports that this call made the ring. A ring without its key, or a key that does not open it, is an error and
// changes nothing: what was sealed must not be lost behind a new key.
func OpenRing(ctx context.Context, store keystore.Store, path string) (ring *seal.Ring, created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	item, err := store.Get(ctx, ringKey)
	if err == nil {
		master, err := seal.LoadMasterKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false, fmt.Errorf("the store was made with a master key, but there is none at %s; put the copy back (a new key would open nothing)", path)
		} else if err != nil {
			return nil, false, err
		}
		ring, err = seal.OpenRing(master, item.Value)
		return ring, false, err
	}
	if !errors.Is(err, keystore.ErrNotFound) {
		return nil, false, fmt.Errorf("read the key ring: %w", err)
	}
	for other, err := range store.List(ctx, "") {
		if err != nil {
			return nil, false, fmt.Errorf("look whether the store is empty: %w", err)
		}
		if _, err := store.Get(ctx, ringKey); err == nil {
			// A replica that started at the same moment was faster.
			return OpenRing(ctx, store, path)
		}
		return nil, false, fmt.Errorf("the store holds records (%q) but no key ring; it is damaged or not Latchkey's, so no keys are made in it", other.Key)
	}
	master, err := seal.LoadMasterKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		master, err = seal.CreateMasterKey(path)
	}
	if err != nil {
		return nil, false, err
	}
	if ring, err = seal.NewRing(); err != nil {
		return nil, false, err
	}
	wrapped, err := ring.Wrap(master)
	if err != nil {
		return nil, false, err
	}
	err = store.Create(ctx, keystore.Item{Key: ringKey, Value: wrapped})
	if errors.Is(err, keystore.ErrExists) {
		// A replica was faster: its ring counts, if our key opens it.
		return OpenRing(ctx, store, path)
	}
	return ring, err == nil, err
}

// RewrapRing gives the ring of the store a new master key. The key at path is
// moved to path+".old" once the new one is in place; until the store has
// taken the new wrapping, the old key opens it. No id changes and no login
// fails. With compromised all keys of the ring are made anew, which ends
// every API key, token, session and encrypted password, and what was made with
// one of them.
func RewrapRing(ctx context.Context, store keystore.Store, path string, compromised bool) error {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	item, err := store.Get(ctx, ringKey)
	if err != nil {
		return fmt.Errorf("read the key ring: %w", err)
	}
	ring, newPath, err := reopen(item.Value, path)
	if err != nil {
		return err
	}
	master, err := seal.CreateMasterKey(newPath)
	if err != nil {
		return err
	}
	if compromised {
		if ring, err = ring.Renew(); err != nil {
			return err
		}
		// By their numbers as well: what was made with them must end too, and
		// a daemon that still holds the old keys refuses them from now on.
		_, err := newRecords(store).system.Update(ctx, systemID, func(r *systemRecord, _ *time.Time) error {
			r.Epochs.Key++
			r.Epochs.Token++
			r.Epochs.Session++
			return nil
		})
		if err != nil && !gone(err) {
			return fmt.Errorf("end what the old keys made: %w", err)
		}
	}
	wrapped, err := ring.Wrap(master)
	if err != nil {
		return err
	}
	if err := store.Replace(ctx, item, keystore.Item{Key: ringKey, Value: wrapped}); err != nil {
		return fmt.Errorf("store the key ring under the new master key (the old key is still in %s, the new one in %s; say rotate again): %w", path, newPath, err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		return fmt.Errorf("the new master key is in force and lies at %s; move it to %s: %w", newPath, path, err)
	}
	if err := os.Rename(newPath, path); err != nil {
		return fmt.Errorf("the new master key is in force and lies at %s; move it to %s: %w", newPath, path, err)
	}
	return nil
}

// reopen opens the ring with the key at path or, where an earlier rotation
// stopped half way, with the one left beside it, and says where the next key
// goes. A leftover that opens nothing is moved aside.
func reopen(wrapped []byte, path string) (*seal.Ring, string, error) {
	next := path + ".new"
	if left, err := seal.LoadMasterKey(next); err == nil {
		if ring, err := seal.OpenRing(left, wrapped); err == nil {
			// The store took the new key, the files did not follow.
			if err := os.Rename(next, path); err != nil {
				return nil, "", err
			}
			return ring, next, nil
		}
		if err := os.Rename(next, fmt.Sprintf("%s.unused-%d", path, time.Now().Unix())); err != nil {
			return nil, "", err
		}
	}
	master, err := seal.LoadMasterKey(path)
	if err != nil {
		return nil, "", err
	}
	ring, err := seal.OpenRing(master, wrapped)
	return ring, next, err
}

// Bootstrap makes the administrator "admin" with a random password where the
// store has no user yet. The password is given to keep first, which must have
// put it where its reader finds it when it returns nil; created is false, and
// what keep did is to be undone, where somebody else was faster.
func (a *Authority) Bootstrap(ctx context.Context, keep func(Secret) error) (created bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	names, err := a.Users.names(ctx)
	if err != nil {
		return false, err
	}
	_, _, err = a.rec.accounts.Get(ctx, "admin")
	if err == nil || len(names) > 0 && !(len(names) == 1 && names[0] == "admin") {
		return false, nil
	}
	if !gone(err) {
		return false, storeFailed(err)
	}
	password := NewSecret(randomAlphanumeric(initialPasswordLength))
	if err := keep(password); err != nil {
		return false, err
	}
	first := Identity{User: "first start", Via: Via{Kind: KindLocal, ID: "first start"}}
	_, err = a.Users.create(ctx, first, NewUser{
		Name: "admin", Email: "admin@localhost", DisplayName: "Administrator", Admin: true, Password: password,
	})
	a.Trail.acted(first, actUserCreate, "admin", err)
	if CodeOf(err) == Exists {
		return false, nil
	}
	return err == nil, err
}

const initialPasswordLength = 24
