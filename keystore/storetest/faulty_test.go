package storetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func TestFaultyWithoutFaultIsAStore(t *testing.T) {
	storetest.RunLocal(t, func(t *testing.T, now func() time.Time) keystore.Store {
		s := storetest.NewFaulty(storetest.NewMemory(now))
		t.Cleanup(func() { s.Close() })
		return s
	})
}

func TestFaultyFailsTheNthWriteOnce(t *testing.T) {
	ctx := t.Context()
	s := storetest.NewFaulty(storetest.NewMemory(nil))
	defer s.Close()
	s.FailWrite(2, storetest.NotPersisted)
	s.FailWrite(3, storetest.Persisted)
	for i, want := range []error{nil, storetest.ErrInjected, storetest.ErrInjected, nil} {
		key := string(rune('a' + i))
		if err := s.Create(ctx, keystore.Item{Key: key}); !errors.Is(err, want) {
			t.Errorf("write %d: %v, want %v", i+1, err, want)
		}
		_, err := s.Get(ctx, key)
		if stored := err == nil; stored != (i != 1) {
			t.Errorf("write %d is stored: %t", i+1, stored)
		}
	}
	if s.Writes() != 4 || len(s.Calls()) != 8 {
		t.Errorf("%d writes of %d calls", s.Writes(), len(s.Calls()))
	}
}

func TestFaultyFailsWhereToldUntilHealed(t *testing.T) {
	ctx := t.Context()
	s := storetest.NewFaulty(storetest.NewMemory(nil))
	defer s.Close()
	if err := s.Create(ctx, keystore.Item{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	s.FailWhere(storetest.Persisted, func(op storetest.Op, key string) bool { return key == "a" })
	if _, err := s.Get(ctx, "a"); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("get: %v", err)
	}
	if err := s.Create(ctx, keystore.Item{Key: "a"}); !errors.Is(err, keystore.ErrExists) {
		t.Errorf("create: %v", err)
	}
	if err := s.Delete(ctx, "a"); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("delete: %v", err)
	}
	s.Heal()
	if _, err := s.Get(ctx, "a"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}

func TestFaultyStallsUntilTheContextEnds(t *testing.T) {
	s := storetest.NewFaulty(storetest.NewMemory(nil))
	defer s.Close()
	s.FailWhere(storetest.Stalled, func(storetest.Op, string) bool { return true })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Create(ctx, keystore.Item{Key: "a"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("create: %v", err)
	}
	for _, err := range s.List(ctx, "") {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("list: %v", err)
		}
	}
	s.Heal()
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}
