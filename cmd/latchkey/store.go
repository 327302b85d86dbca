package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
	"github.com/latchkey-io/latchkey/keystore/redis"
)

// Redis may start at the same time as the daemon, so it is waited for.
const (
	redisWait  = 10 * time.Second
	redisRetry = 500 * time.Millisecond
)

// openStore opens the store that c names. The file store is locked by whoever
// has it open; Redis is asked again for ten seconds.
func openStore(ctx context.Context, c *configs.Config, log *slog.Logger) (keystore.Store, error) {
	if c.Store == "bolt" {
		store, err := bolt.Open(ctx, bolt.Config{Path: c.BoltFile()})
		if err != nil {
			return nil, err
		}
		return store, nil
	}
	redis.Silence() // its errors reach us as errors, in our own log
	where, err := redis.ParseURL(c.Store.Reveal())
	if err != nil {
		return nil, err
	}
	store, err := openRedis(ctx, where, log)
	if err != nil {
		return nil, err
	}
	if warning := store.Durability(ctx); warning != "" {
		log.Warn("the store may lose what was acknowledged: " + warning)
	}
	return store, nil
}

func openRedis(ctx context.Context, where redis.Config, log *slog.Logger) (*redis.Store, error) {
	patience, cancel := context.WithTimeout(ctx, redisWait)
	defer cancel()
	for told := false; ; told = true {
		store, err := redis.Open(ctx, where)
		if err == nil {
			return store, nil
		}
		if !told {
			log.Warn("the store does not open yet; trying again", "for", redisWait.String(), "error", err)
		}
		select {
		case <-time.After(redisRetry):
		case <-patience.Done():
			if ctx.Err() != nil {
				return nil, fmt.Errorf("stopped while waiting for the store: %w", err)
			}
			return nil, fmt.Errorf("%w (tried for %s)", err, redisWait)
		}
	}
}
