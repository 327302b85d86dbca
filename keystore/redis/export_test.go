package redis

// The hashing of a Redis Cluster, to be compared with its specification.
var (
	SlotOf  = slotOf
	SlotTag = slotTag
)
