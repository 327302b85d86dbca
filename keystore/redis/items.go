package redis

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/latchkey-io/latchkey/keystore"
)

// pageKeys is how many keys one step of List asks for.
const pageKeys = 128

// Items lie under prefix + "item/" + key, changes come on the channel
// prefix + "feed", and heartbeats use prefix + "beat/" + a random name for both.
func (s *Store) itemKey(key string) string { return s.prefix + "item/" + key }
func (s *Store) feedChannel() string       { return s.prefix + "feed" }

// Get is keystore.Store's.
func (s *Store) Get(ctx context.Context, key string) (keystore.Item, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return keystore.Item{}, err
	}
	defer end()
	raw, err := s.client.Get(ctx, s.itemKey(key)).Bytes()
	if errors.Is(err, redis.Nil) {
		return keystore.Item{}, keystore.ErrNotFound
	}
	if err != nil {
		return keystore.Item{}, s.failed(ctx, err)
	}
	item, err := keystore.Decode(key, raw)
	if err == nil && !item.Live(s.now()) {
		err = keystore.ErrNotFound
	}
	if err != nil {
		return keystore.Item{}, err
	}
	return item, nil
}

// Create is keystore.Store's.
func (s *Store) Create(ctx context.Context, item keystore.Item) error {
	if err := item.Check(); err != nil {
		return err
	}
	return s.write(ctx, createScript, keystore.ErrExists, item.Key,
		s.now().UnixMilli(), s.feedChannel(), item.Key, item.Encode(), sweepAt(item))
}

// Replace is keystore.Store's.
func (s *Store) Replace(ctx context.Context, old, next keystore.Item) error {
	if err := keystore.CheckReplace(old, next); err != nil {
		return err
	}
	conflict := keystore.ErrConflict
	if !old.Live(s.now()) {
		if err := s.usable(ctx); err != nil {
			return err
		}
		return conflict
	}
	return s.write(ctx, replaceScript, conflict, next.Key,
		old.Encode(), s.feedChannel(), next.Key, next.Encode(), sweepAt(next))
}

// Delete is keystore.Store's.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.write(ctx, deleteScript, keystore.ErrNotFound, key,
		s.now().UnixMilli(), s.feedChannel(), key)
}

func (s *Store) write(ctx context.Context, script script, refusal error, key string, args ...any) error {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	done, err := s.run(ctx, script, s.itemKey(key), args...)
	if err != nil {
		return s.failed(ctx, err)
	}
	if !done {
		return refusal
	}
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	_, end, err := s.begin(ctx)
	if err == nil {
		end()
	}
	return err
}

// sweepAt is when Redis removes the item by itself, in unix milliseconds; 0 is
// never.
func sweepAt(item keystore.Item) int64 {
	if item.Expires.IsZero() {
		return 0
	}
	// A time before 1970 would be refused as no time at all.
	return max(item.Expires.Add(keystore.SweepAfter).UnixMilli(), 1)
}

// List is keystore.Store's. It walks over every key of the database, whatever
// the prefix, and remembers 16 bytes of each key it gave, as SCAN may repeat.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[keystore.Item, error] {
	return func(yield func(keystore.Item, error) bool) {
		nodes, err := s.nodes(ctx)
		if err != nil {
			yield(keystore.Item{}, err)
			return
		}
		given := map[[16]byte]struct{}{}
		for _, node := range nodes {
			for cursor, first := uint64(0), true; first || cursor != 0; first = false {
				var page []keystore.Item
				page, cursor, err = s.page(ctx, node, prefix, cursor)
				if err != nil {
					yield(keystore.Item{}, err)
					return
				}
				for _, item := range page {
					sum := sha256.Sum256([]byte(item.Key))
					id := [16]byte(sum[:])
					if _, again := given[id]; again {
						continue
					}
					given[id] = struct{}{}
					if err := ctx.Err(); err != nil {
						yield(keystore.Item{}, err)
						return
					}
					if !yield(item, nil) {
						return
					}
				}
			}
		}
	}
}

// nodes are the servers that hold keys: one, or every master of a cluster.
func (s *Store) nodes(ctx context.Context) ([]redis.Cmdable, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return []redis.Cmdable{s.client}, nil
	}
	var mu sync.Mutex
	var nodes []redis.Cmdable
	err = cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, node)
		return nil
	})
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return nodes, nil
}

func (s *Store) page(ctx context.Context, node redis.Cmdable, prefix string, cursor uint64) ([]keystore.Item, uint64, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer end()
	keys, cursor, err := node.Scan(ctx, cursor, pattern(s.itemKey(prefix)), pageKeys).Result()
	if err != nil {
		return nil, 0, s.failed(ctx, err)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, s.itemKey(prefix)) })
	gets := make([]*redis.StringCmd, len(keys))
	// On the whole client: in a cluster a key may just have moved.
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			gets[i] = p.Get(ctx, key)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, 0, s.failed(ctx, err)
	}
	var items []keystore.Item
	for i, full := range keys {
		raw, err := gets[i].Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, 0, s.failed(ctx, err)
		}
		key := strings.TrimPrefix(full, s.itemKey(""))
		item, err := keystore.Decode(key, raw)
		if err != nil {
			return nil, 0, err
		}
		if item.Live(s.now()) {
			items = append(items, item)
		}
	}
	return items, cursor, nil
}

// pattern matches at least the keys that begin with prefix. Of what is special
// in a pattern every byte stands for itself; what follows a byte beyond ASCII
// is left to the caller, as not every server takes patterns as bytes.
func pattern(prefix string) string {
	if i := strings.IndexFunc(prefix, func(r rune) bool { return r >= 0x80 }); i >= 0 {
		prefix = prefix[:i]
	}
	return globSpecial.Replace(prefix) + "*"
}

var globSpecial = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
