package redis_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

const clusterMasters = 3

// cluster starts a Redis Cluster of masters alone and returns its servers and
// URL.
func cluster(t *testing.T) ([]*storetest.RedisServer, string) {
	t.Helper()
	args := []string{"--cluster", "create"}
	var servers []*storetest.RedisServer
	for i := range clusterMasters {
		s := storetest.Redis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
			"--cluster-config-file", fmt.Sprintf("nodes-%d.conf", i))
		servers = append(servers, s)
		args = append(args, s.Addr)
	}
	out, err := exec.CommandContext(t.Context(), "redis-cli", append(args, "--cluster-replicas", "0", "--cluster-yes")...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli (package redis-tools): %v\n%s", err, out)
	}
	for _, s := range servers {
		eventually(t, 10*time.Second, "the cluster is complete", func() bool {
			return strings.Contains(clusterInfo(t, s), "cluster_state:ok")
		})
	}
	return servers, "redis+cluster://" + servers[0].Addr + "," + servers[1].Addr
}

func clusterInfo(t *testing.T, s *storetest.RedisServer) string {
	return admin(t, s, "CLUSTER", "INFO")
}

func TestStoreOnACluster(t *testing.T) {
	_, url := cluster(t)
	storetest.RunSharded(t, func(t *testing.T, now func() time.Time) keystore.Store {
		return open(t, apart(config(t, url), now))
	})
}

func TestProofOfLifeNeedsEveryMaster(t *testing.T) {
	t.Parallel()
	servers, url := cluster(t)
	s := open(t, config(t, url))
	w := storetest.NewWatcher(t, s)
	eventually(t, 5*time.Second, "alive", aliveAt(w))
	for _, frozen := range servers {
		frozen.Pause(t)
		eventually(t, 5*time.Second, "no longer alive", func() bool { return !aliveAt(w)() })
		frozen.Resume(t)
		eventually(t, 10*time.Second, "alive again", aliveAt(w))
	}
}

func TestSlotsOfKeys(t *testing.T) {
	// From the Redis Cluster specification, and from CLUSTER KEYSLOT.
	for key, want := range map[string]int{"123456789": 0x31c3, "foo": 12182, "": 0} {
		if got := redis.SlotOf(key); got != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
	for slot := 0; slot < 16384; slot += 1021 {
		if got := redis.SlotOf(redis.SlotTag(slot)); got != slot {
			t.Errorf("a tag of slot %d is in %d", slot, got)
		}
	}
}
