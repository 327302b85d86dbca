// Package redis keeps a keystore on Redis (6.2 or newer, 7 for a cluster), for
// any number of processes at once.
//
// Every change is one Lua script on one key, which writes and publishes the key
// in one step: no crash can separate a change from its notice, and a cluster is
// no special case. All reads go to masters, as a replica shows the past. No
// call takes longer than two seconds, also when the server hangs.
//
// A write is as durable as the server is configured; see Store.Durability. An
// error of a write other than keystore's own means that its outcome is unknown:
// no write is ever sent twice, because the second would find the first and
// call it ErrExists.
package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/latchkey-io/latchkey/keystore"
)

// Waits. go-redis's own defaults add up to twenty seconds and more.
const (
	// callTimeout bounds every call, with all it waits for, below the two
	// seconds promised.
	callTimeout = 1800 * time.Millisecond
	dialTimeout = time.Second
	ioTimeout   = 1500 * time.Millisecond
	poolTimeout = 1500 * time.Millisecond
	// readRetries is for reads alone, once, after a broken connection.
	readRetries = 1
	// stateReload: go-redis asks a cluster for its shape every minute, and a
	// refused connection does not make it ask; a lost master would stay lost.
	stateReload = time.Second
	// poolPerCPU connections serve requests that wait for Redis.
	poolPerCPU = 16
)

// Store is a keystore.Store. Make it with Open.
type Store struct {
	client redis.UniversalClient
	where  string // the addresses, for errors
	prefix string
	now    func() time.Time

	mu     sync.RWMutex // closed changes only when nobody is between it and calls.Add
	closed bool
	calls  sync.WaitGroup // calls under way, and every Watch
	life   context.Context
	end    context.CancelFunc
	once   sync.Once
	err    error // of Close
}

var _ keystore.Store = (*Store)(nil)

// Open connects, and fails when the server cannot be reached, refuses us, or
// cannot do what the store needs.
func Open(ctx context.Context, c Config) (*Store, error) {
	if len(c.Addrs) == 0 {
		return nil, errors.New("open store: no address of redis")
	}
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if err := checkPrefix(c.Prefix); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Store{
		client: connect(c),
		where:  strings.Join(c.Addrs, ","),
		prefix: c.Prefix,
		now:    c.Now,
	}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.probe(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func connect(c Config) redis.UniversalClient {
	o := &redis.UniversalOptions{
		Addrs:            c.Addrs,
		MasterName:       c.Master,
		IsClusterMode:    c.Cluster,
		DB:               c.DB,
		Username:         c.Username,
		Password:         string(c.Password),
		SentinelUsername: c.SentinelUsername,
		SentinelPassword: string(c.SentinelPassword),
		TLSConfig:        c.TLS,

		ContextTimeoutEnabled: true,
		DialTimeout:           dialTimeout,
		DialerRetries:         1,
		ReadTimeout:           ioTimeout,
		WriteTimeout:          ioTimeout,
		PoolTimeout:           poolTimeout,
		PoolSize:              poolPerCPU * runtime.GOMAXPROCS(0),
		MaxRetries:            readRetries,

		Protocol:                 2, // nothing is pushed on a connection that asks
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if c.Cluster {
		co := o.Cluster()
		co.ClusterStateReloadInterval = stateReload
		return redis.NewClusterClient(co)
	}
	return redis.NewUniversalClient(o)
}

// probe writes a key as Create does, so that a wrong password, a replica, a
// forbidden script or a server too old is found now and not at a sign-in.
func (s *Store) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := s.prefix + "probe/" + rand.Text()
	item := keystore.Item{Key: "probe", Expires: s.now().Add(time.Second)}
	_, err := s.run(ctx, createScript, key, s.now().UnixMilli(), s.prefix+"probe", "probe", item.Encode(), s.now().Add(time.Minute).UnixMilli())
	switch {
	case err == nil:
		return nil
	case redis.HasErrorPrefix(err, "NOAUTH"), redis.HasErrorPrefix(err, "WRONGPASS"), redis.HasErrorPrefix(err, "ERR AUTH"):
		return fmt.Errorf("open store: redis at %s does not accept the user and password (%w); correct them", s.where, err)
	case errors.Is(err, redis.Nil):
		// This is how go-redis says that no Sentinel knows the name.
		return fmt.Errorf("open store: the sentinels at %s know no such master; correct the name after the hosts", s.where)
	case answered(err):
		return fmt.Errorf("open store: redis at %s refuses to write (%w); it must be a master of version 6.2 or newer whose user may run scripts and publish under %q", s.where, err, s.prefix)
	default:
		return fmt.Errorf("open store: redis at %s does not answer (%w); start it, or correct the address", s.where, err)
	}
}

// answered: the error came from the server.
func answered(err error) bool {
	var e redis.Error
	return errors.As(err, &e)
}

// begin counts a call in, unless the store is closed or ctx has ended, and
// gives it its deadline. The caller calls end.
func (s *Store) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, nil, keystore.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	s.calls.Add(1)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	return ctx, func() { cancel(); s.calls.Done() }, nil
}

// failed names the server in an error, and makes every kind of timeout
// context.DeadlineExceeded.
func (s *Store) failed(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, redis.ErrPoolTimeout), errors.As(err, &timeout) && timeout.Timeout():
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return fmt.Errorf("redis at %s: %w", s.where, err)
}

// Close waits for what is under way, two seconds at most, and for every Watch
// to return.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.end()
		s.calls.Wait()
		if err := s.client.Close(); err != nil {
			s.err = fmt.Errorf("close store: redis at %s: %w", s.where, err)
		}
	})
	return s.err
}
