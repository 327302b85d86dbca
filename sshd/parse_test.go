package sshd_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/sshd"
)

var oid = strings.Repeat("0af9", 16)

func TestParseLFS(t *testing.T) {
	for _, row := range []struct{ line, path, op string }{
		{"/artifactory/my-lfs download", "/artifactory/my-lfs", "download"},
		{"artifactory/my-lfs upload", "artifactory/my-lfs", "upload"},
		{"  x/y.git   upload  ", "x/y.git", "upload"},
		{"x upload " + oid, "x", "upload"},
		{oid + " upload", oid, "upload"},
		{"upload upload", "upload", "upload"},
		{"upload download " + oid, "upload", "download"},
		{"/a b/c download", "/a b/c", "download"},
		{"/it's download", "/it's", "download"},
		{"/artifactory/a'b;$(id) download", "/artifactory/a'b;$(id)", "download"},
		{`'/a b/c' download`, "/a b/c", "download"},
		{`'/it'\''s' upload ` + oid, "/it's", "upload"},
		{`"/a \"b\" \$x \y" upload`, `/a "b" $x \y`, "upload"},
		{"x/" + oid + " upload", "x/" + oid, "upload"},
		// refused
		{"", "", ""},
		{"download", "", ""},
		{"/x", "", ""},
		{"/x push", "", ""},
		{"/x UPLOAD", "", ""},
		{"/x upload extra", "", ""},
		{"/x upload " + oid + " " + oid, "", ""},
		{"/x " + oid, "", ""},
		{"upload " + oid, "", ""},
		{"'/x upload", "", ""},
		{"'unbalanced", "", ""},
		{"'/x'y upload", "", ""},
		{"'/x' y upload", "", ""},
		{"'' upload", "", ""},
		{`"" upload`, "", ""},
		{`'/x'\ upload`, "", ""},
		{"../../etc upload", "", ""},
		{"a/../../b upload", "", ""},
		{"'..' upload", "", ""},
		{"-oProxyCommand=x upload", "", ""},
		{"--help upload", "", ""},
		{"'--help' upload", "", ""},
		{"/x\x00y upload", "", ""},
		{"/x\ny upload", "", ""},
		{"/x\x1b[2J upload", "", ""},
		{"/x\x7f upload", "", ""},
		{"/x\xff upload", "", ""},
		{"/" + strings.Repeat("x", 1024) + " upload", "", ""},
	} {
		path, op, err := sshd.ParseLFS(row.line)
		if (err == nil) != (row.path != "") || err == nil && (path != row.path || op != row.op) {
			t.Errorf("%.80q: %q, %q, %v", row.line, path, op, err)
		}
	}
}

func FuzzParseLFS(f *testing.F) {
	for _, line := range []string{"/a/b download", "'/it'\\''s' upload " + oid, `"a\"b" upload`, "a b upload", "' upload", "\\ upload", "x\tupload"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		path, op, err := sshd.ParseLFS(line)
		if err != nil {
			return
		}
		if op != "download" && op != "upload" {
			t.Errorf("operation %q", op)
		}
		if path == "" || path[0] == '-' || len(path) > 1024 || !utf8.ValidString(path) || strings.ContainsAny(path, "\x00\r\n\x1b") {
			t.Errorf("path %q", path)
		}
		for _, segment := range strings.Split(path, "/") {
			if segment == ".." {
				t.Errorf("path %q", path)
			}
		}
		// What was read means the same when it is quoted as git-lfs does.
		again, _, err := sshd.ParseLFS("'" + strings.ReplaceAll(path, "'", `'\''`) + "' " + op)
		if err != nil || again != path {
			t.Errorf("%q quoted is %q, %v", path, again, err)
		}
	})
}

func FuzzSplitWords(f *testing.F) {
	for _, line := range []string{"", "a b", "'a b' c", `a\ b "c\"d"`, "'", `\`, "a'b'c", `""`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := sshd.SplitWords(line)
		if err != nil {
			return
		}
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		again, err := sshd.SplitWords(strings.Join(quoted, " "))
		if err != nil || len(again) != len(words) {
			t.Fatalf("%q: %q, %v", words, again, err)
		}
		for i := range words {
			if words[i] != again[i] {
				t.Errorf("%q: %q", words[i], again[i])
			}
		}
	})
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add(str("whoami"))
	f.Add(cat(str("GIT_PROTOCOL"), str("version=2")))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if s, ok := sshd.OnlyString(payload); ok && string(str(s)) != string(payload) {
			t.Errorf("%x is read as %q", payload, s)
		}
		if sshd.EnvAccepted(payload) && !strings.HasPrefix(string(payload), "\x00\x00\x00\x0cGIT_PROTOCOL") {
			t.Errorf("%x is accepted", payload)
		}
	})
}

func FuzzASCIIJSON(f *testing.F) {
	f.Add("plain")
	f.Add("a\u202eb\U0001f600\u009b\x7f\n\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		out := sshd.ASCIIJSON(text)
		for _, b := range out {
			if b < ' ' || b > '~' {
				t.Fatalf("%q holds %x", out, b)
			}
		}
		var got string
		if err := json.Unmarshal(out, &got); err != nil || got != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q came back as %q, %v", s, got, err)
		}
	})
}

func TestParseLife(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "never": -1, "30d": 720 * time.Hour, "24h": 24 * time.Hour, "90m": 90 * time.Minute, "36500d": 876000 * time.Hour,
	} {
		if got, err := sshd.ParseLife(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "0d", "-1d", "1", "d", "36501d", "1w", "1e9h", "10ms", "9999999999999999999d", " 1d"} {
		if got, err := sshd.ParseLife(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
