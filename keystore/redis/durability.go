package redis

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Durability returns a sentence for the operator when the server, or a master
// of the cluster, may lose what it acknowledged: when it keeps no append-only
// file that is flushed at least every second, or may evict keys. It returns ""
// when all is well. Many hosted servers do not tell.
func (s *Store) Durability(ctx context.Context) (warning string) {
	unknown := func(err error) string {
		return "redis at " + s.where + " does not tell how durable it is (" + err.Error() +
			"): make sure that appendonly is yes, appendfsync everysec or always, and maxmemory-policy noeviction"
	}
	nodes, err := s.nodes(ctx)
	if err != nil {
		return unknown(err)
	}
	for _, node := range nodes {
		set, err := s.settings(ctx, node, "appendonly", "appendfsync", "maxmemory-policy")
		if err != nil {
			return unknown(err)
		}
		var faults []string
		if set["appendonly"] == "no" {
			faults = append(faults, "appendonly is no, so a crash loses everything since the last snapshot")
		} else if set["appendfsync"] == "no" {
			faults = append(faults, "appendfsync is no, so a power cut loses what the system had not yet written")
		}
		if policy := set["maxmemory-policy"]; policy != "noeviction" && policy != "" {
			faults = append(faults, "maxmemory-policy is "+policy+", so credentials vanish when memory is short")
		}
		if len(faults) > 0 {
			return "redis at " + s.where + ": " + strings.Join(faults, "; ") +
				" (want appendonly yes, appendfsync everysec or always, maxmemory-policy noeviction)"
		}
	}
	return ""
}

func (s *Store) settings(ctx context.Context, node redis.Cmdable, names ...string) (map[string]string, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	all := map[string]string{}
	for _, name := range names {
		set, err := node.ConfigGet(ctx, name).Result()
		if err != nil {
			return nil, err
		}
		all[name] = set[name]
	}
	return all, nil
}
