package gateway_test

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// spend uses up the guess budget that strangers have at a name.
func (h *house) spend(name string) {
	h.t.Helper()
	for i := range 200 {
		peer := auth.Peer{Addr: netip.AddrFrom4([4]byte{198, 51, 100, byte(i % 16)}), Door: "http"}
		proof := auth.Password{User: name, Secret: auth.NewSecret("guess number " + strconv.Itoa(i))}
		if _, err := h.auth.Identify(h.t.Context(), peer, proof); auth.CodeOf(err) == auth.Throttled {
			return
		}
	}
	h.t.Fatal("guesses are not bounded")
}

// TestJFrogLocks is the table of the lock calls: they read and clear the guess
// budget, and there is no lock beyond it.
func TestJFrogLocks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, houseConfig{})
	for _, name := range []string{"admin", "eve"} { // from a known place, which strangers do not touch
		if !h.works(name, map[string]string{"admin": h.adminPassword, "eve": evePassword}[name]) {
			t.Fatal(name)
		}
	}
	admin := h.asAdmin()
	locked := func(h *house, want string) {
		h.t.Helper()
		h.do("GET", security+"/lockedUsers", nil, admin).is(http.StatusOK).json(want)
		for _, name := range []string{"alice", "eve"} {
			status := "enabled"
			if strings.Contains(want, name) {
				status = "locked"
			}
			if a := h.do("GET", access+"/users/"+name, nil, admin); a.field("status") != status {
				h.t.Errorf("%s, want %s", a.body, status)
			}
			if a := h.do("GET", access+"/users", nil, admin); !strings.Contains(a.body, `/`+name+`","realm":"internal","status":"`+status+`"`) {
				h.t.Errorf("%s, want %s %s", a.body, name, status)
			}
		}
	}
	t.Run("locked users: 200 [] when there is none", func(t *testing.T) { locked(h.in(t), `[]`) })
	t.Run("locked users: 200 with the names, and the owner still gets in", func(t *testing.T) {
		h := h.in(t)
		h.spend("alice")
		h.spend("eve")
		locked(h, `["alice","eve"]`)
		if !h.works("eve", evePassword) {
			t.Error("strangers locked eve out of the place she came from")
		}
	})
	t.Run("changing the password is guessing as well: 429 from elsewhere", func(t *testing.T) {
		h := h.in(t)
		a := h.do("POST", changeURL, object{"userName": "alice", "oldPassword": alicePassword, "newPassword1": aliceSecond, "newPassword2": aliceSecond})
		a.refused(http.StatusTooManyRequests)
		if a.header.Get("Retry-After") == "" {
			t.Error("when to come back is not said")
		}
	})
	t.Run("unlock nobody", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", security+"/unlockUsers/nobody", nil, admin).refused(http.StatusNotFound)
		h.do("POST", security+"/unlockUsers", []string{"alice", "nobody"}, admin).refused(http.StatusNotFound)
		h.do("POST", security+"/unlockUsers", []string{}, admin).refused(http.StatusBadRequest)
		h.do("POST", security+"/unlockUsers", object{"users": []string{"alice"}}, admin).refused(http.StatusBadRequest)
		h.do("POST", access+"/users/nobody/unlock", nil, admin).refused(http.StatusNotFound)
		locked(h, `["alice","eve"]`)
	})
	t.Run("unlock one: 200", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", security+"/unlockUsers/Alice", nil, admin).text(http.StatusOK, "alice")
		h.trailSays("user.clear_guesses", "ok", "admin", "alice")
		locked(h, `["eve"]`)
	})
	t.Run("unlock one in v2: 204", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", access+"/users/ALICE/unlock", nil, admin).empty(http.StatusNoContent)
		h.trailSays("user.clear_guesses", "ok", "admin", "alice")
		locked(h, `["eve"]`)
	})
	t.Run("unlock a list: 200", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", security+"/unlockUsers", []string{"alice", "ADMIN"}, admin).text(http.StatusOK)
		h.trailSays("user.clear_guesses", "ok", "admin", "admin")
		locked(h, `["eve"]`)
	})
	t.Run("unlock everybody: 200", func(t *testing.T) {
		h := h.in(t)
		h.do("POST", security+"/unlockAllUsers", nil, admin).text(http.StatusOK)
		locked(h, `[]`)
	})
}
