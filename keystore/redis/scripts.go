package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// The scripts touch KEYS[1] alone. They publish before they write: nobody sees
// the notice before the script has ended, and if the server forbids one of the
// two, a notice without a change does no harm, but a change without a notice
// would keep a revoked credential alive in the caches.
//
// The expiry is added up by bytes: Lua compares strings by the server's
// locale, and a number of milliseconds is exact in a double until the year
// 287396.
const (
	// liveHead sets head to the item's first 8 bytes and live to whether the
	// item is there at ARGV[1], our clock in milliseconds.
	liveHead = `
local head = redis.call('GETRANGE', KEYS[1], 0, 7)
local live = false
if #head > 0 then
  if #head < 8 then return redis.error_reply('ERR not an item of latchkey') end
  local ends = 0
  for i = 1, 8 do ends = ends * 256 + string.byte(head, i) end
  live = ends == 0 or ends > tonumber(ARGV[1])
end
`
	// setItem writes ARGV[4], until ARGV[5] unless that is 0.
	setItem = `
redis.call('PUBLISH', ARGV[2], ARGV[3])
if ARGV[5] == '0' then
  redis.call('SET', KEYS[1], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[4], 'PXAT', ARGV[5])
end
return 1
`
)

var (
	// ARGV: now, channel, key, item, end of the key or 0. 0: it is taken.
	createScript = newScript(liveHead + `if live then return 0 end` + setItem)

	// ARGV: old item, channel, key, item, end of the key or 0. 0: another.
	// Whether old is live is known to the caller, as its bytes are compared.
	replaceScript = newScript(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end` + setItem)

	// ARGV: now, channel, key. 0: there is none.
	deleteScript = newScript(liveHead + `
if not live then return 0 end
redis.call('PUBLISH', ARGV[2], ARGV[3])
redis.call('DEL', KEYS[1])
return 1
`)

	// ARGV: life in milliseconds, channel, message. This one writes first: a
	// beat that a server could not write proves nothing and is not published.
	beatScript = newScript(`
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
`)
)

// A script is its source and the name Redis caches it by.
type script struct{ src, sha string }

func newScript(src string) script {
	return script{src, redis.NewScript(src).Hash()}
}

// once is a command that go-redis never sends a second time after an unknown
// outcome. A redirection of a cluster is followed: it says that nothing was
// done.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// run runs the script on the key and reports whether it returned 1.
func (s *Store) run(ctx context.Context, script script, key string, args ...any) (bool, error) {
	all := append([]any{"evalsha", script.sha, 1, key}, args...)
	cmd := once{redis.NewCmd(ctx, all...)}
	err := s.client.Process(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		all[0], all[1] = "eval", script.src
		cmd = once{redis.NewCmd(ctx, all...)}
		err = s.client.Process(ctx, cmd)
	}
	if err != nil {
		return false, err
	}
	n, err := cmd.Int()
	return n == 1, err
}
