package storetest

import (
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

func testExpiry(t *testing.T, open Open) {
	clock := NewClock()
	s := open(t, clock.Now)
	ending := func(key string, in time.Duration) keystore.Item {
		return keystore.Item{Key: key, Value: []byte(key), Expires: clock.Now().Add(in)}
	}

	t.Run("an expired item is not found by any method", func(t *testing.T) {
		create(t, s, ending("e/1", time.Minute))
		create(t, s, text("e/endless", "1"))
		old := get(t, s, "e/1")
		clock.Advance(2 * time.Minute)
		_, err := s.Get(deadline(t), "e/1")
		wantErr(t, "get", err, keystore.ErrNotFound)
		wantErr(t, "delete", s.Delete(deadline(t), "e/1"), keystore.ErrNotFound)
		wantErr(t, "replace", s.Replace(deadline(t), old, text("e/1", "again")), keystore.ErrConflict)
		if all := listed(t, s, "e/"); len(all) != 1 {
			t.Errorf("listed %v", all)
		}
	})
	t.Run("expiry is at its millisecond", func(t *testing.T) {
		item := ending("e/edge", time.Minute)
		create(t, s, item)
		end := get(t, s, "e/edge").Expires
		clock.Advance(end.Sub(clock.Now()) - time.Nanosecond)
		get(t, s, "e/edge")
		clock.Advance(time.Nanosecond)
		_, err := s.Get(deadline(t), "e/edge")
		wantErr(t, "get at the expiry", err, keystore.ErrNotFound)
	})
	t.Run("the key of an expired item is free", func(t *testing.T) {
		create(t, s, ending("e/2", time.Second))
		clock.Advance(time.Second)
		create(t, s, text("e/2", "next"))
		if got := get(t, s, "e/2"); string(got.Value) != "next" || !got.Expires.IsZero() {
			t.Errorf("got %+v", got)
		}
		wantErr(t, "create", s.Create(deadline(t), text("e/2", "third")), keystore.ErrExists)
	})
	t.Run("of many that take an expired key one wins", func(t *testing.T) {
		create(t, s, ending("e/3", time.Second))
		clock.Advance(time.Second)
		winners(t, 8, func(int) error { return s.Create(deadline(t), text("e/3", "same")) }, keystore.ErrExists)
	})
	t.Run("an item may be created expired", func(t *testing.T) {
		for key, at := range map[string]time.Time{
			"e/past": clock.Now().Add(-time.Hour), "e/1970": time.Unix(0, 0), "e/before": time.Unix(-1, 0),
		} {
			create(t, s, keystore.Item{Key: key, Value: []byte("v"), Expires: at})
			_, err := s.Get(deadline(t), key)
			wantErr(t, "get "+key, err, keystore.ErrNotFound)
			create(t, s, text(key, "live"))
		}
	})
	t.Run("replace may end an item", func(t *testing.T) {
		create(t, s, text("e/4", "v"))
		if err := s.Replace(deadline(t), get(t, s, "e/4"), ending("e/4", -time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(deadline(t), "e/4")
		wantErr(t, "get", err, keystore.ErrNotFound)
	})
	t.Run("replace may prolong an item", func(t *testing.T) {
		create(t, s, ending("e/5", time.Minute))
		if err := s.Replace(deadline(t), get(t, s, "e/5"), ending("e/5", time.Hour)); err != nil {
			t.Fatal(err)
		}
		clock.Advance(30 * time.Minute)
		get(t, s, "e/5")
	})
	t.Run("an expiry may be far", func(t *testing.T) {
		at := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		create(t, s, keystore.Item{Key: "e/far", Expires: at})
		if got := get(t, s, "e/far"); !got.Expires.Equal(at) {
			t.Errorf("expires %v", got.Expires)
		}
	})
}
