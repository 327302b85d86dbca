package redis

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// slots is the number of hash slots of a Redis Cluster.
const slots = 16384

// masters names the servers a heartbeat goes to, each with what the key of a
// heartbeat ends in so that it is kept there.
func (s *Store) masters(ctx context.Context) (map[string]string, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return map[string]string{"": ""}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	ranges, err := cluster.ClusterSlots(ctx).Result()
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	masters := map[string]string{}
	for _, r := range ranges {
		if len(r.Nodes) == 0 || r.Start < 0 || r.Start >= slots {
			continue
		}
		name := r.Nodes[0].ID + r.Nodes[0].Addr
		if _, ok := masters[name]; !ok {
			masters[name] = "{" + slotTag(r.Start) + "}"
		}
	}
	return masters, nil
}

// slotTag returns a text that Redis Cluster hashes to the slot. It takes some
// 16,000 tries of 50 ns.
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
