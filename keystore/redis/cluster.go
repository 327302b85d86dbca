package redis

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// slots is the number of hash slots of a Redis Cluster.
const slots = 16384

// anySlot stands for a server that holds all keys.
const anySlot = -1

// masters names the servers a heartbeat goes to, each with a slot it holds.
func (s *Store) masters(ctx context.Context) (map[string]int, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return map[string]int{"": anySlot}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	shards, err := cluster.ClusterShards(ctx).Result()
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	masters := map[string]int{}
	for _, shard := range shards {
		// One without slots holds no keys. One without a living master does,
		// and stays here: until it has one, nothing proves its part.
		if len(shard.Slots) == 0 {
			continue
		}
		name := ""
		for _, node := range shard.Nodes {
			if node.Role == "master" && node.Health == "online" {
				name = node.ID
			}
		}
		start := int(shard.Slots[0].Start)
		if start < 0 || start >= slots {
			return nil, fmt.Errorf("redis at %s: slot %d of a cluster", s.where, start)
		}
		masters[fmt.Sprintf("%s/%d", name, start)] = start
	}
	return masters, nil
}

// slotTag returns a text that Redis Cluster hashes to the slot. It takes some
// 16,000 tries, about a millisecond.
func slotTag(slot int) string {
	for i := 0; ; i++ {
		if tag := strconv.Itoa(i); slotOf(tag) == slot {
			return tag
		}
	}
}

// slotOf is CRC-16/XMODEM modulo the slots, as the Redis Cluster specification
// has it.
func slotOf(tag string) int {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slots
}
