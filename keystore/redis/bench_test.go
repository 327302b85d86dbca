package redis_test

import (
	"testing"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func BenchmarkStore(b *testing.B) {
	server := storetest.Redis(b)
	storetest.Bench(b, func(b *testing.B) keystore.Store { return open(b, config(b, server.URL)) })
}
