package lfs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Config is what a Store stands on.
type Config struct {
	Routes    []RouteConfig    // in the order of the file; the first is the default
	PublicURL *url.URL         // every href is made from it; required
	Auth      Granter          // required
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: slog.Default
}

// RouteConfig is one route whose upstream is lfs:DIR.
type RouteConfig struct {
	Route auth.Route // Repositories must be true
	Host  string     // without port; empty: the host of PublicURL
	Path  string     // as /lfs/; empty: /
	Dir   string     // made when missing
}

// Granter makes the short tokens that a batch answer and git-lfs-authenticate
// hand out. *auth.Tokens is one. The token must not outlive who, and expires
// tells when it ends.
type Granter interface {
	Grant(ctx context.Context, who auth.Identity, g auth.Grant) (token auth.Secret, expires time.Time, err error)
}

// Store answers for all LFS routes. Its methods are safe for concurrent use.
type Store struct {
	public *url.URL
	grants Granter
	now    func() time.Time
	log    *slog.Logger

	routes  atomic.Pointer[table]
	buffers buffers

	mu    sync.Mutex
	disks map[string]*disk // by absolute folder; open until Close
}

// New opens the folders of all routes, takes what interrupted uploads left
// there away, and holds the folders until Close.
func New(c Config) (*Store, error) {
	if c.PublicURL == nil || c.PublicURL.Host == "" {
		return nil, errors.New("lfs: a public URL is needed")
	}
	if c.Auth == nil {
		return nil, errors.New("lfs: something that grants tokens is needed")
	}
	s := &Store{public: c.PublicURL, grants: c.Auth, now: c.Now, log: c.Log, disks: map[string]*disk{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := s.SetRoutes(c.Routes); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// SetRoutes replaces the routes at once; requests under way finish on the old
// ones. On an error nothing changes.
func (s *Store) SetRoutes(routes []RouteConfig) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := newTable(s.public, routes)
	if err != nil {
		return err
	}
	for i := range t.doors {
		d := &t.doors[i]
		if d.disk = s.disks[d.dir]; d.disk == nil {
			if d.disk, err = openDisk(d.dir); err != nil {
				return fmt.Errorf("lfs route %q: %w", d.route.Name, err)
			}
			s.disks[d.dir] = d.disk
		}
	}
	s.routes.Store(t)
	return nil
}

// Close lets go of the folders. Requests under way fail.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for dir, d := range s.disks {
		errs = append(errs, d.close())
		delete(s.disks, dir)
	}
	return errors.Join(errs...)
}
