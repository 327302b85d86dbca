package auth_test

import (
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
)

// A secret, or a part of one that is worth something, is masked wherever it
// stands, and what people need to read is not.
func TestMask(t *testing.T) {
	key := "AKCp8" + strings.Repeat("x7Q", 22) + "ab"
	for _, text := range []string{
		key, "/-/api/v1/sshkeys/" + key, "/pre" + key + "post/", "curl/8 " + key, "/a/" + key[:36], key + " download",
		"cmVmd" + strings.Repeat("Z1", 29) + "z", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
	} {
		masked := auth.Mask(text)
		for n := 20; n <= len(key); n += 10 {
			if strings.Contains(masked, key[:n]) {
				t.Errorf("%q became %q", text, masked)
			}
		}
		if !strings.Contains(masked, "[secret]") {
			t.Errorf("%q became %q", text, masked)
		}
	}
	for _, text := range []string{
		"", "/lfs/team/assets/objects/" + strings.Repeat("0a", 32), "git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)",
		"alice fde69ffb-ff0a-4082-8833-2c3cf3a86c81", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
	} {
		if masked := auth.Mask(text); masked != text {
			t.Errorf("%q became %q", text, masked)
		}
	}
}
