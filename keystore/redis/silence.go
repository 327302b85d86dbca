package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Silence stops go-redis from printing lines of its own to stderr, for the
// whole process. A program that logs in one form calls it once, from main; no
// failure is lost, as each is also the error of a call.
func Silence() { redis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
