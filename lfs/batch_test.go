package lfs_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/lfs"
)

const base = "/lfs/team/assets"

const emptyOID = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestBatchTellsWhatIsToBeDone(t *testing.T) {
	s := newServer(t)
	have := s.put(t, "alice", base, random(100))
	missing := describe(random(50))
	made := len(s.issuer.grants())

	up := s.batch(t, "alice", base, batch{Operation: "upload", Objects: []object{have, missing, {emptyOID, 0}}})
	if o := up.Objects[0]; o.Actions != nil || o.Error != nil || !o.Authenticated {
		t.Errorf("stored object: %+v", o)
	}
	o := up.Objects[1]
	if a := o.Actions["upload"]; len(o.Actions) != 1 || !o.Authenticated || a.ExpiresAt != "" || a.ExpiresIn < 890 || a.ExpiresIn > 900 ||
		!strings.HasPrefix(a.Href, s.URL+base+"/objects/"+missing.OID) || !strings.HasPrefix(a.Header["Authorization"], "Bearer ") {
		t.Errorf("missing object: %+v", o)
	}
	if o := up.Objects[2]; o.Actions != nil || o.Error != nil {
		t.Errorf("the empty object is to be uploaded: %+v", o)
	}
	if up.HashAlgo != "sha256" {
		t.Errorf("hash_algo %q", up.HashAlgo)
	}

	down := s.batch(t, "reader", base, batch{Operation: "download", Objects: []object{have, missing, {emptyOID, 0}, have}})
	if o := down.Objects[0]; o.Actions["download"].Href != s.URL+base+"/objects/"+have.OID || !o.Authenticated || o.Error != nil {
		t.Errorf("stored object: %+v", o)
	}
	if o := down.Objects[1]; o.Actions != nil || o.Error == nil || o.Error.Code != 404 {
		t.Errorf("missing object: %+v", o)
	}
	if o := down.Objects[2]; o.Actions["download"].Href == "" {
		t.Errorf("the empty object: %+v", o)
	}
	grants := s.issuer.grants()[made:]
	if len(grants) != 2 || grants[0].Op != auth.Write || grants[1].Op != auth.Read || grants[1].Route != "lfs" || grants[1].Repo != "team/assets" {
		t.Errorf("one token for each batch: %+v", grants)
	}
}

func TestBatchRefusesObjects(t *testing.T) {
	s := newServer(t)
	have := s.put(t, "alice", base, random(100))
	fresh := describe(random(9))
	for name, row := range map[string]struct {
		op   string
		objs []object
		code int
	}{
		"upper case":         {"upload", []object{{strings.ToUpper(fresh.OID), 1}}, 422},
		"short":              {"upload", []object{{fresh.OID[1:], 1}}, 422},
		"long":               {"upload", []object{{fresh.OID + "0", 1}}, 422},
		"path":               {"upload", []object{{"../../../../../../../../../../etc/passwd", 1}}, 422},
		"path, 64 long":      {"download", []object{{strings.Repeat("../", 21) + "a", 1}}, 422},
		"newline":            {"download", []object{{fresh.OID + "\n", 1}}, 422},
		"empty":              {"download", []object{{"", 0}}, 422},
		"negative":           {"upload", []object{{fresh.OID, -1}}, 422},
		"negative, download": {"download", []object{{fresh.OID, -1}}, 422},
		"too large":          {"upload", []object{{fresh.OID, 1<<40 + 1}}, 422},
		"other size":         {"upload", []object{{have.OID, have.Size + 1}}, 422},
		"other size, down":   {"download", []object{{have.OID, have.Size + 1}}, 422},
		"empty with size":    {"upload", []object{{emptyOID, 1}}, 422},
		"twice, two sizes":   {"upload", []object{{fresh.OID, 1}, {fresh.OID, 2}}, 422},
		"no room":            {"upload", []object{{fresh.OID, 1 << 40}, {describe(random(4)).OID, 1 << 40}}, 507},
	} {
		a := s.batch(t, "alice", base, batch{Operation: row.op, Objects: row.objs})
		o := a.Objects[len(a.Objects)-1]
		if o.Error == nil || o.Error.Code != row.code || o.Error.Message == "" || o.Actions != nil {
			t.Errorf("%s: %+v %+v", name, o, o.Error)
		}
	}
	a := s.batch(t, "alice", base, batch{Operation: "upload", Objects: []object{fresh}, HashAlgo: "sha512"})
	if o := a.Objects[0]; o.Error == nil || o.Error.Code != 409 {
		t.Errorf("sha512: %+v", o)
	}
	// A made-up name of no bytes is offered an upload, which PUT refuses.
	odd := s.batch(t, "alice", base, batch{Operation: "upload", Objects: []object{{fresh.OID, 0}}}).Objects[0]
	up := odd.Actions["upload"]
	if r := s.do(t, up.Header["Authorization"], "PUT", up.Href, strings.NewReader("")); r.status != 400 {
		t.Errorf("PUT of nothing under %s: %d", fresh.OID, r.status)
	}
}

func TestBatchAsAWhole(t *testing.T) {
	s := newServer(t)
	o := describe(random(3))
	object := fmt.Sprintf(`{"oid":%q,"size":3}`, o.OID)
	many := func(n int) string {
		return `{"operation":"upload","objects":[` + strings.Repeat(object+",", n-1) + object + `]}`
	}
	for name, row := range map[string]struct {
		body   string
		status int
	}{
		"1000 objects":       {many(1000), 200},
		"1001 objects":       {many(1001), 413},
		"large body":         {many(20000), 413},
		"no objects":         {`{"operation":"download","objects":[]}`, 200},
		"null ref":           {`{"operation":"download","ref":null,"objects":[` + object + `],"transfers":null}`, 200},
		"unknown keys":       {`{"operation":"download","x":{"y":[1]},"objects":[` + object + `]}`, 200},
		"several transfers":  {`{"operation":"download","transfers":["ssh","basic","lfs-standalone-file"],"objects":[` + object + `]}`, 200},
		"size unknown":       {`{"operation":"download","objects":[{"oid":"` + o.OID + `"}]}`, 200},
		"foreign transfer":   {`{"operation":"download","transfers":["tus"],"objects":[` + object + `]}`, 422},
		"operation":          {`{"operation":"delete","objects":[` + object + `]}`, 422},
		"no operation":       {`{"objects":[` + object + `]}`, 422},
		"size is a fraction": {`{"operation":"upload","objects":[{"oid":"` + o.OID + `","size":1.5}]}`, 422},
		"size is huge":       {`{"operation":"upload","objects":[{"oid":"` + o.OID + `","size":1e30}]}`, 422},
		"size is a text":     {`{"operation":"upload","objects":[{"oid":"` + o.OID + `","size":"3"}]}`, 422},
		"no JSON":            {`operation=upload`, 400},
		"nothing":            {``, 400},
		"two documents":      {many(1) + many(1), 400},
		"not UTF-8":          {"{\"operation\":\"upload\",\"objects\":[],\"x\":\"\xff\"}", 400},
	} {
		r := s.post(t, "alice", base+"/objects/batch", row.body)
		if r.status != row.status || r.header.Get("Content-Type") != media {
			t.Errorf("%s: %d %s, want %d", name, r.status, r.body, row.status)
		}
		if row.status != 200 && r.message() == "" {
			t.Errorf("%s: no message in %s", name, r.body)
		}
		if row.status == 200 && !strings.Contains(string(r.body), `"objects":[`) {
			t.Errorf("%s: no objects in %s", name, r.body)
		}
	}
	r := s.do(t, "alice", "POST", base+"/objects/batch", strings.NewReader(many(1)))
	if r.status != 415 {
		t.Errorf("without media type: %d", r.status)
	}
	if n := r.header.Get("Cache-Control"); n != "no-store" {
		t.Errorf("Cache-Control %q", n)
	}
	if !strings.Contains(string(r.body), `"request_id":"req-1"`) {
		t.Errorf("no request id: %s", r.body)
	}
}

func TestTokenLifeGrowsWithTheBatch(t *testing.T) {
	s := newServer(t)
	for size, want := range map[int64]time.Duration{
		1: 15 * time.Minute, 600 << 20: 25 * time.Minute, 1 << 33: 15*time.Minute + 8192*time.Second, 1 << 35: 6 * time.Hour,
	} {
		r := s.batch(t, "alice", base, batch{Operation: "upload", Objects: []object{{describe(random(8)).OID, size}}})
		g := s.issuer.grants()
		if r.Objects[0].Error != nil {
			t.Logf("%d bytes: no room on this disk", size)
			continue
		}
		if got := g[len(g)-1].Life; got != want {
			t.Errorf("%d bytes: %s, want %s", size, got, want)
		}
		if got := r.Objects[0].Actions["upload"].ExpiresIn; got > int64(want/time.Second) || got < int64(want/time.Second)-5 {
			t.Errorf("%d bytes: expires_in %d", size, got)
		}
	}
}

// Who came with a token gets none that lives longer, and is told so.
func TestTokenDoesNotOutliveItsParent(t *testing.T) {
	s := newServer(t)
	a, err := s.store.SSHAuthenticate(t.Context(), person("alice"), "team/assets", "upload")
	if err != nil {
		t.Fatal(err)
	}
	r := s.batch(t, "Bearer "+a.Token.Reveal(), base, batch{Operation: "upload", Objects: []object{{describe(random(8)).OID, 600 << 20}}})
	left := int64(time.Until(a.Expires) / time.Second)
	if got := r.Objects[0].Actions["upload"].ExpiresIn; got > left+1 || got < left-5 {
		t.Errorf("expires_in %d with %d seconds left", got, left)
	}
}

// A token is of one route, one repository, one operation and its time.
func TestTokenScope(t *testing.T) {
	s := newServer(t)
	content := random(10)
	o := s.put(t, "alice", base, content)
	token := func(op string) string {
		a, err := s.store.SSHAuthenticate(t.Context(), person("alice"), "team/assets", op)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + a.Token.Reveal()
	}
	up, down := token("upload"), token("download")
	get := func(who, base string) int { return s.do(t, who, "GET", base+"/objects/"+o.OID, nil).status }
	put := func(who, base string) int {
		return s.do(t, who, "PUT", base+"/objects/"+o.OID, strings.NewReader(string(content))).status
	}
	ask := func(who, base, op string) int {
		return s.post(t, who, base+"/objects/batch", batch{Operation: op, Objects: []object{o}}).status
	}
	lock := func(who, base string) int {
		return s.post(t, who, base+"/locks", map[string]string{"path": "x"}).status
	}
	for name, row := range map[string][2]int{
		"get, download":         {get(down, base), 200},
		"get, upload":           {get(up, base), 200},
		"put, download":         {put(down, base), 403},
		"put, upload":           {put(up, base), 200},
		"batch, download":       {ask(down, base, "download"), 200},
		"batch up, download":    {ask(down, base, "upload"), 403},
		"batch up, upload":      {ask(up, base, "upload"), 200},
		"lock, download":        {lock(down, base), 403},
		"lock, upload":          {lock(up, base), 201},
		"verify, download":      {s.post(t, down, base+"/locks/verify", "{}").status, 403},
		"list, download":        {s.do(t, down, "GET", base+"/locks", nil).status, 200},
		"other repository":      {get(down, "/lfs/team/other"), 403},
		"longer name":           {get(down, "/lfs/team/assets2"), 403},
		"other route":           {get(down, "/m/team/assets"), 403},
		"other, upload":         {put(up, "/lfs/team/other"), 403},
		"other route, upload":   {put(up, "/m/team/assets"), 403},
		"other, batch":          {ask(up, "/lfs/team/other", "upload"), 403},
		"other, unknown token":  {get("Bearer x", base), 401},
		"query chooses nothing": {s.do(t, down, "PUT", base+"/objects/"+o.OID+"?service=git-lfs-upload&op=upload&token=x", strings.NewReader(string(content))).status, 403},
	} {
		if row[0] != row[1] {
			t.Errorf("%s: %d, want %d", name, row[0], row[1])
		}
	}
	s.issuer.mu.Lock()
	for token, who := range s.issuer.who {
		who.Expires = time.Now().Add(-time.Second)
		s.issuer.who[token] = who
	}
	s.issuer.mu.Unlock()
	if got := get(down, base); got != 401 {
		t.Errorf("ended token: %d", got)
	}
}

// Somebody unknown is asked for a credential, whether they read or write, and
// a name tells nothing.
func TestAnonymous(t *testing.T) {
	s := newServer(t)
	o := s.put(t, "alice", base, random(10))
	for _, repo := range []string{base, "/lfs/never/seen"} {
		for _, op := range []string{"upload", "download"} {
			r := s.post(t, "", repo+"/objects/batch", batch{Operation: op, Objects: []object{o}})
			if r.status != 401 || r.header.Get("LFS-Authenticate") == "" {
				t.Errorf("%s %s: %d", op, repo, r.status)
			}
		}
		if r := s.do(t, "", "GET", repo+"/objects/"+o.OID, nil); r.status != 401 {
			t.Errorf("GET %s: %d", repo, r.status)
		}
		if r := s.do(t, "", "PUT", repo+"/objects/"+o.OID, strings.NewReader("x")); r.status != 401 {
			t.Errorf("PUT %s: %d", repo, r.status)
		}
		if r := s.do(t, "", "GET", repo+"/locks", nil); r.status != 401 {
			t.Errorf("locks %s: %d", repo, r.status)
		}
	}
}

// On a route that anybody reads, nothing needs a token, and to write is still
// answered 401, not 403: else git-lfs would never ask for a credential.
func TestPublicRoute(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, lfs.RouteConfig{Route: routeOf(t, "lfs", "anonymous", "authenticated"), Path: "/lfs/", Dir: filepath.Join(dir, "lfs")})
	o := s.put(t, "alice", base, random(10))
	made := len(s.issuer.grants())
	d := s.batch(t, "", base, batch{Operation: "download", Objects: []object{o}}).Objects[0]
	if a := d.Actions["download"]; len(a.Header) != 0 || a.ExpiresIn != 0 || !d.Authenticated {
		t.Errorf("download: %+v", d)
	}
	if len(s.issuer.grants()) != made {
		t.Error("a token for nobody")
	}
	if r := s.do(t, "", "GET", d.Actions["download"].Href, nil); r.status != 200 || r.header.Get("Content-Length") != "10" {
		t.Errorf("get: %d", r.status)
	}
	if r := s.post(t, "", base+"/objects/batch", batch{Operation: "upload", Objects: []object{describe(random(1))}}); r.status != 401 {
		t.Errorf("upload: %d", r.status)
	}
	if r := s.post(t, "", base+"/locks", map[string]string{"path": "a"}); r.status != 401 {
		t.Errorf("lock: %d", r.status)
	}
}

func TestLockNeedsAnOwner(t *testing.T) {
	s := newServer(t, lfs.RouteConfig{Route: routeOf(t, "lfs", "anonymous", "anonymous"), Path: "/lfs/", Dir: filepath.Join(t.TempDir(), "lfs")})
	if r := s.post(t, "", base+"/locks", map[string]string{"path": "a"}); r.status != 401 {
		t.Errorf("lock of nobody: %d", r.status)
	}
	if r := s.post(t, "alice", base+"/locks", map[string]string{"path": "a"}); r.status != 201 {
		t.Errorf("lock: %d", r.status)
	}
	var v verification
	s.post(t, "", base+"/locks/verify", "{}").into(t, &v)
	if len(v.Ours) != 0 || len(v.Theirs) != 1 {
		t.Errorf("verify of nobody: %+v", v)
	}
}

// A repository that does not exist looks to those without right as one that
// does, and to those with right as an empty one.
func TestNamesTellNothing(t *testing.T) {
	s := newServer(t, lfs.RouteConfig{Route: routeOf(t, "lfs", "user:alice", "user:alice"), Path: "/lfs/", Dir: filepath.Join(t.TempDir(), "lfs")})
	o := s.put(t, "alice", base, random(10))
	for _, path := range []string{"/objects/" + o.OID, "/locks"} {
		a := s.do(t, "eve", "GET", base+path, nil)
		b := s.do(t, "eve", "GET", "/lfs/team/nothin"+path, nil)
		if a.status != 403 || b.status != 403 || strings.ReplaceAll(string(a.body), "assets", "nothin") != string(b.body) {
			t.Errorf("%s: %d %s, %d %s", path, a.status, a.body, b.status, b.body)
		}
	}
	d := s.batch(t, "alice", "/lfs/never", batch{Operation: "download", Objects: []object{o}})
	if d.Objects[0].Error == nil || d.Objects[0].Error.Code != 404 {
		t.Errorf("%+v", d)
	}
}

// When no token can be granted the whole answer is the edge's, never a batch
// that looks done.
func TestNoTokenNoAnswer(t *testing.T) {
	s := newServer(t)
	s.issuer.fault = &auth.Error{Code: auth.Unavailable, Reason: "the store does not answer", Err: errors.New("x")}
	r := s.post(t, "alice", base+"/objects/batch", batch{Operation: "upload", Objects: []object{describe(random(1))}})
	if r.status != 429 || r.header.Get("Retry-After") == "" || strings.Contains(string(r.body), "objects") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// No Host header finds its way into an answer.
func TestHrefsAreOfThePublicURL(t *testing.T) {
	s := newServer(t)
	r := s.post(t, "alice", base+"/objects/batch", batch{Operation: "upload", Objects: []object{describe(random(1))}}, func(r *http.Request) { r.Host = "evil.example" })
	if r.status != 200 || strings.Contains(string(r.body), "evil") || !strings.Contains(string(r.body), `"href":"`+s.URL+base) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func FuzzBatch(f *testing.F) {
	f.Add(`{"operation":"upload","objects":[{"oid":"` + emptyOID + `","size":0}],"transfers":["basic"],"ref":{"name":"refs/heads/main"},"hash_algo":"sha256"}`)
	f.Add(`{"operation":"download","objects":[{"oid":"` + strings.Repeat("a", 64) + `"}]}`)
	f.Add(`{"operation":"download","objects":null}`)
	f.Add(`{"operation":"upload","objects":[{"oid":"../../x","size":-1},{}]}`)
	f.Add(`[]`)
	s := newServer(f)
	f.Fuzz(func(t *testing.T, body string) {
		r := s.post(t, "alice", base+"/objects/batch", body)
		switch r.status {
		case 200:
			var a answer
			r.into(t, &a)
			if a.Objects == nil {
				t.Fatalf("%q: objects is null", body)
			}
			for _, o := range a.Objects {
				// The repository is empty: no object is done, but the empty one.
				if o.Error == nil && o.Actions == nil && o.OID != emptyOID {
					t.Fatalf("%q: %+v neither refused nor to be done", body, o)
				}
			}
		case 400, 413, 422:
		default:
			t.Fatalf("%q: %d", body, r.status)
		}
	})
}
