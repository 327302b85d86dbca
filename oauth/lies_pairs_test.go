package oauth_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
)

// pairsTold is how many pairs of lies are drawn, of some fifty thousand.
const pairsTold = 300

// One lie does not cover for another. The seed is in the log, so that what was
// found is found again.
func TestPairsOfLies(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	op.Register(callback)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, seed))
	lies := testidp.Lies()
	purposes := []auth.Purpose{auth.ToSignIn, auth.ToBind, auth.ToUnlock}
	for told := 0; told < pairsTold; {
		lie, ok := testidp.Pair(lies[draw.IntN(len(lies))], lies[draw.IntN(len(lies))])
		if !ok || lie.Slow {
			continue
		}
		told++
		t.Run(lie.Name, func(t *testing.T) {
			op.Under(t)
			tellLie(t, op, lie, purposes[draw.IntN(len(purposes))])
		})
	}
}
