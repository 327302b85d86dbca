// Package bolt keeps a keystore in one file, for one process.
//
// A write is on the disk (fsync) before the call returns; writes that come
// together share one commit. Reads come from the page cache. A second daemon on
// the same file is refused. The file never shrinks by itself.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/latchkey-io/latchkey/keystore"
)

// Limits and waits.
const (
	// lockWait is how long Open waits for another process to let go.
	lockWait = time.Second
	// batchDelay is how long a write waits for others to share its commit.
	batchDelay = time.Millisecond
	// writeTimeout ends a write whose ctx has no deadline.
	writeTimeout = 10 * time.Second
	// sweepEvery is the pause between two sweeps.
	sweepEvery = 10 * time.Minute
	// mapSize is mapped at once, so that a long backup does not hold up a
	// write which would otherwise have to map a larger file.
	mapSize = 1 << 30
)

var bucket = []byte("items")

// Config says where the store is.
type Config struct {
	// Path of the file; its folder exists. A new file is made with mode 0600;
	// one that others may read is refused.
	Path string
	// Now is the clock that decides expiry; nil is time.Now.
	Now func() time.Time
}

// Store is a keystore.Store. Make it with Open.
type Store struct {
	db   *bbolt.DB
	path string
	now  func() time.Time
	feed keystore.Feed

	mu     sync.RWMutex // closed changes only when nobody is between it and calls.Add
	closed bool
	calls  sync.WaitGroup // reads and writes under way, and the sweeper
	stop   chan struct{}  // ends the sweeper
	once   sync.Once
	err    error // of Close
}

var _ keystore.Store = (*Store)(nil)

// Open opens the file, or makes it, and waits a second at most, or until ctx
// ends, for another process that holds it.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	wait := lockWait
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end))
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", c.Path, err)
	}
	db, err := open(c.Path, wait)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, path: c.Path, now: c.Now, stop: make(chan struct{})}
	s.calls.Go(s.sweeper)
	return s, nil
}

func open(path string, wait time.Duration) (db *bbolt.DB, err error) {
	// The file is read through memory: a page that is missing from a file
	// cut short arrives as a fault, not as an error.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// The mapping, and with it the lock, stays until the process ends.
			db, err = nil, damaged(path, fmt.Errorf("%v", p))
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         wait,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapSize,
		OpenFile:        openPrivate,
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open store: %s is in use by another latchkey; stop it or choose another data_dir", path)
	case errors.Is(err, errShort), errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, damaged(path, err)
	case err != nil:
		return nil, fmt.Errorf("open store: %w", err)
	}
	opened := db
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	db.MaxBatchDelay = batchDelay
	if err := complete(db, path); err != nil {
		return nil, err
	}
	if err := db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	}); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return db, nil
}

var errShort = errors.New("its head is incomplete")

func damaged(path string, err error) error {
	return fmt.Errorf("open store: %s is damaged (%w); restore it from a backup", path, err)
}

// openPrivate refuses a file that somebody else may read, before anything is
// written to it.
func openPrivate(path string, flag int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", path)
	case info.Size() > 0 && info.Size() < 2*int64(os.Getpagesize()):
		err = errShort
	case info.Mode().Perm()&0o077 != 0:
		err = fmt.Errorf("%s has mode %04o, others may read it; make it private with: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// complete refuses a file that lacks pages at its end.
func complete(db *bbolt.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	return db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() {
			return damaged(path, fmt.Errorf("%d of %d bytes are there", info.Size(), tx.Size()))
		}
		return nil
	})
}

// syncDir makes the name of a new file as durable as its content.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("open store: sync %s: %w", dir, err)
	}
	return nil
}

// begin counts a call in, unless the store is closed or ctx has ended.
func (s *Store) begin(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return keystore.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.calls.Add(1)
	return nil
}

// Watch is keystore.Store's.
func (s *Store) Watch(ctx context.Context, fn func(keystore.Change)) error {
	return s.feed.Watch(ctx, fn)
}

// Close waits for what is being written, and for every Watch to return.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.stop)
		// Ended watchers hold up no write, so this comes before the wait.
		s.feed.Close()
		s.calls.Wait()
		if err := s.db.Close(); err != nil {
			s.err = fmt.Errorf("close store %s: %w", s.path, err)
		}
	})
	return s.err
}
