package storetest_test

import (
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func TestMemory(t *testing.T) {
	storetest.RunLocal(t, func(t *testing.T, now func() time.Time) keystore.Store {
		s := storetest.NewMemory(now)
		t.Cleanup(func() { s.Close() })
		return s
	})
}
