package bolt

import (
	"context"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
)

// Backup writes a copy of the file as it is at this moment while the store is
// in use, and returns its size in bytes. The copy is a store of its own: put it
// at Config.Path and Open it. Write it to a file with mode 0600 rather than to
// a slow network: pages freed meanwhile are kept until it is done.
func (s *Store) Backup(ctx context.Context, w io.Writer) (int64, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.calls.Done()
	var n int64
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		n, err = tx.WriteTo(ending{ctx, w})
		return err
	})
	if err != nil {
		return n, fmt.Errorf("back up store %s: %w", s.path, err)
	}
	return n, nil
}

// ending is a writer that fails when its context has ended.
type ending struct {
	ctx context.Context
	w   io.Writer
}

func (e ending) Write(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.w.Write(p)
}
