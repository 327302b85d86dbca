package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, path string, now func() time.Time) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(t.Context(), bolt.Config{Path: path, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "latchkey.db") }

func TestStore(t *testing.T) {
	storetest.RunLocal(t, func(t *testing.T, now func() time.Time) keystore.Store {
		return open(t, file(t), now)
	})
}

func TestItemsSurviveTheStore(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	item := keystore.Item{Key: "k", Value: []byte("v"), Expires: time.Now().Add(time.Hour)}
	if err := s.Create(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, path, nil).Get(t.Context(), "k")
	if err != nil || string(got.Value) != "v" || got.Expires.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := bolt.Open(t.Context(), bolt.Config{Path: path})
		if err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestSecondOpenFailsFast(t *testing.T) {
	path := file(t)
	open(t, path, nil)
	begin := time.Now()
	_, err := bolt.Open(t.Context(), bolt.Config{Path: path})
	want := path + " is in use by another latchkey; stop it or choose another data_dir"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bolt.Open(ctx, bolt.Config{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOpenRefusesWhatIsNoStore(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("not a store "), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		garbage:                        "damaged",
		dir:                            "is a directory",
		filepath.Join(dir, "no", "db"): "no such file",
	} {
		_, err := bolt.Open(t.Context(), bolt.Config{Path: path})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %q and %q", err, want, path)
		}
	}
}

func TestOpenRefusesAFileCutShort(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if err := s.Create(t.Context(), keystore.Item{Key: fmt.Sprint(i), Value: make([]byte, 20_000)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 4096, 8192, 16384, 200_000} {
		path := file(t)
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := bolt.Open(t.Context(), bolt.Config{Path: path})
		if err == nil || !strings.Contains(err.Error(), "restore it from a backup") {
			t.Errorf("%d of %d bytes: %v", size, len(whole), err)
		}
	}
}

func TestStalledDiskCostsTheDeadlineOnly(t *testing.T) {
	s := open(t, file(t), nil)
	w := storetest.NewWatcher(t, s)
	resume, err := bolt.StallDisk(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	value := []byte("v")
	if err := s.Create(ctx, keystore.Item{Key: "late", Value: value}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("create: %v", err)
	}
	value[0] = 'X'
	if _, err := s.Get(t.Context(), "late"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	resume()
	w.WaitKey(t, "late") // the commit came after all, and so did its notice
	if item, err := s.Get(t.Context(), "late"); err != nil || string(item.Value) != "v" {
		t.Errorf("got %+v, %v", item, err)
	}
}

func TestCloseWaitsForAStalledWrite(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	resume, err := bolt.StallDisk(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Create(ctx, keystore.Item{Key: "k"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("create: %v", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	resume()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path, nil).Get(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

func TestSweepRemovesWhatExpiredLongAgo(t *testing.T) {
	clock := storetest.NewClock()
	s := open(t, file(t), clock.Now)
	ctx := t.Context()
	var wg sync.WaitGroup
	const many = 2500 // more than two steps
	for i := range many {
		wg.Go(func() {
			item := keystore.Item{Key: fmt.Sprintf("k/%d", i)}
			if i%2 == 0 {
				item.Expires = clock.Now().Add(time.Minute)
			}
			if err := s.Create(ctx, item); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w := storetest.NewWatcher(t, s)
	for _, step := range []struct {
		advance time.Duration
		want    int
	}{{time.Minute, 0}, {keystore.SweepAfter - time.Second, 0}, {2 * time.Second, many / 2}, {0, 0}} {
		clock.Advance(step.advance)
		if n, err := s.Sweep(ctx); err != nil || n != step.want {
			t.Errorf("after %v more %d were swept (%v), want %d", step.advance, n, err, step.want)
		}
	}
	if keys := w.Keys(); len(keys) != 0 {
		t.Errorf("%d notices of swept items", len(keys))
	}
	left := 0
	for _, err := range s.List(ctx, "k/") {
		if err != nil {
			t.Fatal(err)
		}
		left++
	}
	if left != many/2 {
		t.Errorf("%d left, want %d", left, many/2)
	}
}

func TestBackupIsAStore(t *testing.T) {
	s := open(t, file(t), nil)
	ctx := t.Context()
	if err := s.Create(ctx, keystore.Item{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	if n, err := s.Backup(ctx, &copied); err != nil || n != int64(copied.Len()) {
		t.Fatalf("%d of %d bytes, %v", n, copied.Len(), err)
	}
	path := file(t)
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if item, err := open(t, path, nil).Get(ctx, "k"); err != nil || string(item.Value) != "v" {
		t.Errorf("got %+v, %v", item, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Backup(ended, &copied); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
