package gateway_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// What alice and eve show to upstreams.
const (
	aliceThere = "glpat-AliceIsKnownThereByThis"
	eveThere   = "glpat-EveIsKnownThereByThis"
)

// there is a service with accounts of its own.
func there(t testing.TB, address string, send auth.UpstreamSend) auth.Upstream {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	up := auth.Upstream{Name: "there-" + string(send), URL: u, Send: send}
	if send == auth.UpstreamHeader {
		up.Header = "PRIVATE-TOKEN"
	}
	return up
}

// ways are the three ways of sending.
var ways = []auth.UpstreamSend{auth.UpstreamBasic, auth.UpstreamBearer, auth.UpstreamHeader}

// shownThere is the header, and its value, that the service gets.
func shownThere(send auth.UpstreamSend, name, secret string) (string, string) {
	switch send {
	case auth.UpstreamBasic:
		return "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))
	case auth.UpstreamBearer:
		return "Authorization", "Bearer " + secret
	}
	return "Private-Token", secret
}

// lending is a front whose routes show h the users' own credentials: public,
// private and open are there once for each way of sending, as /private/basic/.
// nil is the echo. Alice and eve have stored theirs.
func lending(t testing.TB, h http.Handler, change ...func(*front, *gateway.Config)) *front {
	t.Helper()
	f := openFront(t, func(f *front, c *gateway.Config) {
		address := f.echo.URL
		if h != nil {
			s := httptest.NewServer(h)
			t.Cleanup(s.Close)
			address = s.URL
		}
		f.lend(c, address)
		for _, more := range change {
			more(f, c)
		}
	})
	for _, send := range ways {
		f.store("alice", send, "alice-there", aliceThere)
		f.store("eve", send, "eve-there", eveThere)
	}
	t.Cleanup(func() { f.showsNothing("the log", f.log.String()) })
	return f
}

// lend puts the routes of lending into c.
func (f *front) lend(c *gateway.Config, address string) {
	var ups []auth.Upstream
	var routes []gateway.Route
	for _, send := range ways {
		up := there(f.t, address+"/test", send)
		ups = append(ups, up)
		for _, r := range c.Routes[:3] {
			kind, _, _ := strings.Cut(r.Name, "-")
			r.Name, r.Path = kind+"-"+string(send), "/"+kind+"/"+string(send)+"/"
			r.Upstream, r.UpstreamCredential, r.WebSocket = address, &up, kind == "private"
			routes = append(routes, r)
		}
	}
	// In the order of the first three, so that they can be taken again.
	c.Routes = routes
	f.auth.SetUpstreams(ups, gateway.Probe{})
}

func (f *front) store(user string, send auth.UpstreamSend, name, secret string) {
	f.t.Helper()
	if _, err := f.auth.Upstreams.Set(context.Background(), f.admin, user, "there-"+string(send), name, auth.NewSecret(secret)); err != nil {
		f.t.Fatal(err)
	}
}

// forget deletes what user has stored for the upstream that takes Basic.
func (f *front) forget(user string, send auth.UpstreamSend) {
	f.t.Helper()
	if err := f.auth.Upstreams.Delete(context.Background(), f.admin, user, "there-"+string(send)); err != nil {
		f.t.Fatal(err)
	}
}

// showsNothing checks that no form of what is shown there is in text.
func (f *front) showsNothing(where, text string) {
	f.t.Helper()
	for _, secret := range []string{aliceThere, eveThere} {
		for _, form := range []string{secret, base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte("alice-there:" + secret))[:20]} {
			if strings.Contains(text, form) {
				f.t.Errorf("%s holds %s", where, form)
			}
		}
	}
}

// quiet checks that an answer, head and body, says nothing of what is shown
// there.
func (r reply) quiet(f *front) reply {
	f.t.Helper()
	var head strings.Builder
	r.Header.Write(&head)
	f.showsNothing("the answer to "+r.Request.URL.Path, head.String()+r.body)
	return r
}

func TestTwoUsersAreTwoToTheUpstream(t *testing.T) {
	f := lending(t, nil)
	for _, send := range ways {
		t.Run(string(send), func(t *testing.T) {
			for what, tc := range map[string]struct {
				show         with
				name, secret string
			}{
				"alice's password":  {basic("alice", frontAlice), "alice-there", aliceThere},
				"alice's key":       {apiKey(f.aliceKey), "alice-there", aliceThere},
				"alice's token":     {bearer(f.aliceToken), "alice-there", aliceThere},
				"alice's reference": {basic("alice", f.aliceReference), "alice-there", aliceThere},
				"alice's session":   {f.session(), "alice-there", aliceThere},
				"eve's password":    {basic("eve", frontEve), "eve-there", eveThere},
				"eve's key":         {apiKey(f.eveKey), "eve-there", eveThere},
			} {
				for _, path := range []string{"/private/" + string(send) + "/x", "/open/" + string(send) + "/x"} {
					got := f.send("GET", path, "", tc.show).echoed(t)
					header, want := shownThere(send, tc.name, tc.secret)
					if values := got.Header[header]; len(values) != 1 || values[0] != want {
						t.Errorf("%s at %s: the upstream got %s %q, want %q", what, path, header, values, want)
					}
					if header != "Authorization" && got.Header["Authorization"] != nil {
						t.Errorf("%s at %s: Authorization travels along", what, path)
					}
					text := fmt.Sprint(got.Header)
					for _, own := range []string{f.aliceKey, f.eveKey, f.aliceToken, f.aliceReference, f.aliceSession, basicText("alice:" + frontAlice)[6:], basicText("eve:" + frontEve)[6:]} {
						if strings.Contains(text, own) {
							t.Errorf("%s at %s: the client's own credential travels along", what, path)
						}
					}
				}
			}
			if got := f.send("GET", "/open/"+string(send)+"/x", "").echoed(t); got.Header["Authorization"] != nil || got.Header["Private-Token"] != nil {
				t.Errorf("anonymous: %v", got.Header)
			}
			f.send("GET", "/private/"+string(send)+"/x", "").want(t, 401)
		})
	}
}

// Neither a header that names others as hop-by-hop, nor another spelling of the
// upstream's header, nor a trailer changes what it is shown.
func TestClientsDoNotChangeWhatIsShown(t *testing.T) {
	f := lending(t, nil)
	for _, send := range ways {
		header, want := shownThere(send, "alice-there", aliceThere)
		for _, more := range []string{
			"Connection: close, Authorization\r\n",
			"Connection: close, authorization, private-token, PRIVATE-TOKEN, x-request-id\r\n",
			"Connection: Private-Token\r\nConnection: Authorization\r\n",
			"Private-Token: mine\r\nPRIVATE_TOKEN: mine\r\nprivate.token: mine\r\nPrivate_Token: mine\r\n",
			"Connection: Private_Token\r\nPrivate_Token: mine\r\n",
			"X-Authorization: mine\r\nAuthorization_: mine\r\n",
		} {
			for _, c := range []struct{ path, show, want string }{
				{"/private/" + string(send) + "/x", "X-JFrog-Art-Api: " + f.aliceKey + "\r\n", want},
				{"/open/" + string(send) + "/x", "", ""},
			} {
				f.echo.take()
				got := f.raw("GET "+c.path+" HTTP/1.1\r\nHost: $HOST\r\n"+c.show+more+"\r\n", 1)
				seen := f.echo.take()
				if len(got) != 1 || len(seen) != 1 {
					t.Fatalf("%s %q: %s", send, more, statuses(got))
				}
				if value := strings.Join(seen[0].Header[header], ", "); value != c.want {
					t.Errorf("%s %s %q: the upstream got %q, want %q", send, c.path, more, value, c.want)
				}
				text := strings.ToLower(fmt.Sprint(seen[0].Header))
				if strings.Contains(text, "authorization_") {
					continue // an unknown header, and no spelling of another
				}
				if send == auth.UpstreamHeader && strings.Contains(text, "mine") {
					t.Errorf("%s %s %q: the client's own travels along: %s", send, c.path, more, text)
				}
			}
		}
	}
	f.echo.take()
	f.raw("POST /private/header/x HTTP/1.1\r\nHost: $HOST\r\nX-JFrog-Art-Api: "+f.aliceKey+"\r\nTransfer-Encoding: chunked\r\nTrailer: Private-Token, Private_Token\r\n\r\n3\r\nabc\r\n0\r\nPrivate-Token: mine\r\nPrivate_Token: mine\r\n\r\n", 1)
	seen := f.echo.take()
	if len(seen) != 1 || strings.Contains(fmt.Sprint(seen[0].Header, seen[0].Trailer), "mine") {
		t.Errorf("trailers: %v", seen)
	}
}

func TestWithoutAnUpstreamCredential(t *testing.T) {
	f := lending(t, nil)
	ctx := context.Background()
	f.forget("alice", auth.UpstreamBasic)
	link := f.url + "/ui/profile/upstreams"
	for _, method := range []string{"GET", "POST"} {
		got := f.send(method, "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 403)
		if !strings.Contains(got.body, link) || !strings.Contains(got.body, `\"there-basic\"`) || got.Header["Www-Authenticate"] != nil {
			t.Errorf("%s: %s", method, got.body)
		}
	}
	if got := f.send("GET", "/open/basic/x", "", apiKey(f.aliceKey)).echoed(t); got.Header["Authorization"] != nil || got.Header.Get("X-Forwarded-User") != "alice" {
		t.Errorf("where everybody may: %v", got.Header)
	}
	if got := f.send("GET", "/public/basic/x", "", apiKey(f.aliceKey)).echoed(t); got.Header["Authorization"] != nil {
		t.Errorf("where everybody may read: %v", got.Header)
	}
	f.send("POST", "/public/basic/x", "", apiKey(f.aliceKey)).want(t, 403) // writing is not everybody's
	page := f.send("GET", "/private/basic/x", "", f.session(), header("Accept", "text/html")).want(t, 403)
	if !strings.Contains(page.body, link) {
		t.Errorf("a page without the way to it: %s", page.body)
	}
	if len(f.echo.take()) != 2 {
		t.Error("the upstream was asked")
	}

	// Narrow credentials stand for nobody there.
	f.store("alice", auth.UpstreamBasic, "alice-there", aliceThere)
	alice := f.who("alice", frontAlice)
	for what, scope := range map[string]string{"groups": "applied-permissions/groups:devs", "artifacts": "artifact:**:r,w"} {
		token, err := f.auth.Tokens.Create(ctx, alice, auth.NewToken{Scope: scope, Life: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		f.send("GET", "/private/basic/x", "", bearer(token.JWT.Reveal())).want(t, 403)
		if got := f.send("GET", "/open/basic/x", "", bearer(token.JWT.Reveal())).echoed(t); got.Header["Authorization"] != nil {
			t.Errorf("a token of %s carries it", what)
		}
	}
	grant, _, err := f.auth.Tokens.Grant(ctx, alice, auth.Grant{Route: "lfs", Repo: "team/assets", Op: auth.Write, Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/private/basic/x", "", bearer(grant.Reveal())).want(t, 403)
	if got := f.send("GET", "/open/basic/x", "", bearer(grant.Reveal())).echoed(t); got.Header["Authorization"] != nil {
		t.Error("a short token for a repository carries it")
	}

	// What ended is not lent to the next request.
	f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 200)
	f.forget("alice", auth.UpstreamBasic)
	f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 403)

	// A service account has no pages to be led to.
	if _, err := f.auth.Users.Create(ctx, f.admin, auth.NewUser{Name: "robot", Kind: auth.ServiceUser}); err != nil {
		t.Fatal(err)
	}
	key, err := f.auth.Keys.Create(ctx, f.admin, "robot")
	if err != nil {
		t.Fatal(err)
	}
	got := f.send("GET", "/private/basic/x", "", apiKey(key.Secret.Reveal())).want(t, 403)
	if strings.Contains(got.body, "/ui/") || !strings.Contains(got.body, "latchkey upstream set robot there-basic") {
		t.Error(got.body)
	}
}

// A 401 of the upstream never reaches the client as a question for its own
// credential.
func TestUpstreamDoesNotAcceptTheCredential(t *testing.T) {
	f := lending(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://evil.example/token"`)
		w.Header().Set("X-Debug", r.Header.Get("Authorization"))
		switch {
		case strings.HasSuffix(r.URL.Path, "/forbidden"):
			w.WriteHeader(http.StatusForbidden)
		case strings.HasSuffix(r.URL.Path, "/ok"):
		default:
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, "who are you, "+r.Header.Get("Authorization"))
		}
	}))
	got := f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 403).quiet(f)
	if !strings.Contains(got.body, f.url+"/ui/profile/upstreams") || got.Header["Www-Authenticate"] != nil {
		t.Errorf("%v %s", got.Header, got.body)
	}
	f.send("POST", "/open/basic/x", "body", bearer(f.aliceToken)).want(t, 403).quiet(f)
	got = f.send("GET", "/open/basic/x", "").want(t, 401)
	if challenge := got.Header.Get("WWW-Authenticate"); challenge != `Basic realm="Latchkey"` {
		t.Errorf("anonymous: %q", challenge)
	}
	got = f.send("GET", "/open/basic/x", "", header("Accept", "text/html")).want(t, 303)
	if !strings.HasPrefix(got.Header.Get("Location"), f.url+"/ui/login") {
		t.Errorf("a browser goes to %s", got.Header.Get("Location"))
	}
	narrow, err := f.auth.Tokens.Create(context.Background(), f.who("eve", frontEve), auth.NewToken{Scope: "applied-permissions/groups:devs", Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if got = f.send("GET", "/open/basic/x", "", bearer(narrow.JWT.Reveal())).want(t, 403); !strings.Contains(got.body, "covers only a part") {
		t.Error(got.body)
	}
	f.forget("eve", auth.UpstreamBasic)
	got = f.send("GET", "/open/basic/x", "", apiKey(f.eveKey)).want(t, 403)
	if !strings.Contains(got.body, f.url+"/ui/profile/upstreams") {
		t.Error(got.body)
	}
	for _, path := range []string{"/private/basic/forbidden", "/private/basic/ok"} {
		got = f.send("GET", path, "", apiKey(f.aliceKey)).quiet(f)
		if got.Header["Www-Authenticate"] != nil {
			t.Errorf("%s: the challenge passes", path)
		}
	}
}

// An upstream's redirects and faults do not carry what it was shown to the
// client.
func TestUpstreamRepeatsTheCredential(t *testing.T) {
	var base string
	f := lending(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, send, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		send, path, _ := strings.Cut(send, "/")
		header, _ := shownThere(auth.UpstreamSend(send), "", "")
		shown := r.Header.Get(header)
		h := w.Header()
		switch path {
		case "query":
			h.Set("Location", "/private/next?token="+url.QueryEscape(aliceThere))
		case "whole":
			h.Set("Location", base+"/private/next?shown="+strings.TrimPrefix(shown, "Basic "))
		case "user":
			h.Set("Location", "http://a:b@"+r.Header.Get("X-Forwarded-Host")+"/private/next")
		case "elsewhere":
			h.Set("Location", "https://elsewhere.example/?"+aliceThere)
		case "headers":
			h.Set("X-Debug", shown)
			h["X-Many"] = []string{"one", "two " + aliceThere}
			h.Set("Set-Cookie", "session="+aliceThere)
			h.Set("X-Harmless", "yes")
			return
		case "cut":
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusFound)
	}), func(f *front, c *gateway.Config) {
		base = c.Routes[0].Upstream
		gone, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		gone.Close()
		up := there(t, "http://"+gone.Addr().String(), auth.UpstreamBearer)
		up.Name = "gone"
		r := c.Routes[1]
		r.Name, r.Path, r.Upstream, r.UpstreamCredential = "gone", "/gone/", up.URL.String(), &up
		c.Routes = append(c.Routes, r)
		f.auth.SetUpstreams(append(f.auth.Upstreams.Known(), up), nil)
	})
	for _, send := range ways {
		at := "/private/" + string(send) + "/"
		for _, path := range []string{"query", "whole", "user", "elsewhere"} {
			got := f.send("GET", at+path, "", bearer(f.aliceToken)).want(t, 502).quiet(f)
			if got.Header["Location"] != nil {
				t.Errorf("%s %s: leads to %s", send, path, got.Header.Get("Location"))
			}
		}
		got := f.send("GET", at+"headers", "", bearer(f.aliceToken)).want(t, 200).quiet(f)
		if got.Header.Get("X-Harmless") != "yes" {
			t.Errorf("%s: %v", send, got.Header)
		}
		f.send("GET", at+"cut", "", bearer(f.aliceToken)).want(t, 502).quiet(f)
	}
	// Nobody is there at all.
	if _, err := f.auth.Upstreams.Set(context.Background(), f.admin, "alice", "gone", "", auth.NewSecret(aliceThere)); err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/gone/x", "", bearer(f.aliceToken)).want(t, 502).quiet(f)
}

// An administrator who points an upstream elsewhere sends no secret there:
// neither what is stored, nor while the configuration changes.
func TestMovedUpstreamGetsNothing(t *testing.T) {
	f := lending(t, nil)
	f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 200)
	elsewhere := newEcho()
	t.Cleanup(elsewhere.Close)
	was := f.auth.Upstreams.Known()
	next := f.config
	next.Routes = slices.Clone(f.config.Routes)
	f.lend(&next, elsewhere.URL)
	moved := f.auth.Upstreams.Known()
	f.auth.SetUpstreams(was, gateway.Probe{})
	// The gateway first, as a reload does it; then who keeps the secrets.
	if err := f.gateway.Reload(next); err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 403)
	f.auth.SetUpstreams(moved, gateway.Probe{})
	got := f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 403)
	if !strings.Contains(got.body, "has changed since") {
		t.Error(got.body)
	}
	f.send("GET", "/open/basic/x", "", apiKey(f.aliceKey)).want(t, 200)
	for _, seen := range elsewhere.take() {
		f.showsNothing("the new address", fmt.Sprint(seen))
		if seen.Header["Authorization"] != nil {
			t.Error("a credential came to the new address")
		}
	}
	f.store("alice", auth.UpstreamBasic, "alice-elsewhere", "entered again")
	f.echo.take()
	f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 200)
	if seen := elsewhere.take(); len(seen) != 1 || seen[0].Header.Get("Authorization") != basicText("alice-elsewhere:entered again") {
		t.Errorf("%v", seen)
	}
	// Back at the old configuration, the new secret does not go to the old place.
	if err := f.gateway.Reload(f.config); err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/private/basic/x", "", apiKey(f.aliceKey)).want(t, 403)
	if len(f.echo.take()) > 0 {
		t.Error("the old address was asked")
	}
}

// A tunnel carries it in its handshake, and ends when it is forgotten.
func TestWebSocketWithAnUpstreamCredential(t *testing.T) {
	shown := make(chan http.Header, 1)
	f := lending(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown <- r.Header.Clone()
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		rw.Flush()
		io.Copy(c, rw)
	}))
	f.gateway.SetLook(20 * time.Millisecond)
	for _, send := range ways {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		connection := strings.Replace(handshake, "Connection: Upgrade", "Connection: Upgrade, Authorization, Private-Token", 1)
		fmt.Fprintf(c, "GET /private/%s/ws HTTP/1.1\r\nHost: %s\r\n%sX-JFrog-Art-Api: %s\r\n\r\n", send, f.addr, connection, f.aliceKey)
		in := bufio.NewReader(c)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != 101 {
			t.Fatalf("%v %v", resp, err)
		}
		if name, want := shownThere(send, "alice-there", aliceThere); (<-shown).Get(name) != want {
			t.Errorf("%s: not shown in the handshake", send)
		}
		f.forget("alice", send)
		rest, err := io.ReadAll(in)
		if err != nil || string(rest) != "\x88\x02\x03\xf0" { // close, policy violation
			t.Errorf("%s: %q, %v", send, rest, err)
		}
	}
}

// Container clients come with a short token that stands for all of its maker.
func TestContainersWithAnUpstreamCredential(t *testing.T) {
	f := lending(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		if name != "alice-there" || password != aliceThere {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://auth.example/token",service="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, "{}")
	}), func(_ *front, c *gateway.Config) {
		r := c.Routes[1]
		r.Name, r.Path = "registry", "/v2/team/"
		c.Routes = append(c.Routes, r)
	})
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(f.send("GET", "/v2/token?scope=repository:team/app:pull", "", basic("alice", f.aliceKey)).want(t, 200).body), &token); err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/v2/team/app/manifests/1", "", bearer(token.Token)).want(t, 200)
	if err := json.Unmarshal([]byte(f.send("GET", "/v2/token", "", basic("eve", f.eveKey)).want(t, 200).body), &token); err != nil {
		t.Fatal(err)
	}
	got := f.send("GET", "/v2/team/app/manifests/1", "", bearer(token.Token)).want(t, 403).quiet(f)
	if got.Header["Www-Authenticate"] != nil || !strings.Contains(got.body, `"DENIED"`) || !strings.Contains(got.body, "/ui/profile/upstreams") {
		t.Errorf("%v %s", got.Header, got.body)
	}
}

// A route that would show secrets to anything but its upstream is refused.
func TestRoutesThatLendElsewhereAreRefused(t *testing.T) {
	f := openFront(t, nobodyLives)
	base := gateway.Route{Route: auth.Route{Name: "a", Read: rules(t, "authenticated")}, Path: "/a/", Upstream: "https://up.example.com"}
	for what, tc := range map[string]struct {
		upstream string
		change   func(*gateway.Route, *auth.Upstream)
		good     bool
	}{
		"same":           {"https://up.example.com", nil, true},
		"same, spelled":  {"https://UP.example.com:443/base/", nil, true},
		"another host":   {"https://up.example.org", nil, false},
		"another port":   {"https://up.example.com:444", nil, false},
		"another scheme": {"http://up.example.com:443", nil, false},
		"without TLS":    {"h2c://up.example.com:443", nil, false},
		"a socket":       {"unix:/run/up.sock", func(_ *gateway.Route, up *auth.Upstream) { up.URL.Scheme, up.URL.Host = "http", "unix" }, false},
		"built in":       {"", func(r *gateway.Route, _ *auth.Upstream) { r.Builtin = builtin(nil) }, false},
		"two in one":     {"https://up.example.com", func(r *gateway.Route, _ *auth.Upstream) { r.Basic = true }, false},
		"no way":         {"https://up.example.com", func(_ *gateway.Route, up *auth.Upstream) { up.Send = "" }, false},
		"a framing one":  {"https://up.example.com", func(_ *gateway.Route, up *auth.Upstream) { up.Send, up.Header = auth.UpstreamHeader, "Content-Length" }, false},
		"one of ours": {"https://up.example.com", func(_ *gateway.Route, up *auth.Upstream) {
			up.Send, up.Header = auth.UpstreamHeader, "X_Forwarded_User"
		}, false},
		"our own header": {"https://up.example.com", func(_ *gateway.Route, up *auth.Upstream) {
			up.Send, up.Header = auth.UpstreamHeader, "X-Latchkey-Assertion"
		}, false},
		"no header": {"https://up.example.com", func(_ *gateway.Route, up *auth.Upstream) { up.Send = auth.UpstreamHeader }, false},
		"a header":  {"https://up.example.com", func(_ *gateway.Route, up *auth.Upstream) { up.Send, up.Header = auth.UpstreamHeader, "X-Api-Key" }, true},
		"a basic, header": {"https://up.example.com", func(r *gateway.Route, up *auth.Upstream) {
			r.Basic, up.Send, up.Header = true, auth.UpstreamHeader, "Private-Token"
		}, true},
	} {
		r, up := base, there(t, "https://up.example.com/whoami", auth.UpstreamBearer)
		r.Upstream, r.UpstreamCredential = tc.upstream, &up
		if tc.change != nil {
			tc.change(&r, &up)
		}
		c := f.config
		c.Routes = []gateway.Route{r}
		if _, err := gateway.New(c); (err == nil) != tc.good {
			t.Errorf("%s: %v", what, err)
		}
	}
}
