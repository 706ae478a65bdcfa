# Builds from the archive that packaging/source makes, which has everything but the libraries below. `url` and
# `sha256` are set for a release by packaging/homebrew/release.
class PytDiff < Formula
  desc "Run the pytest tests that a change affects"
  homepage "https://pyt-diff.invalid"
  url "https://pyt-diff.invalid/pyt-diff-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => :build
  depends_on "python@3.13" => [:build, :test]
  depends_on "curl"
  depends_on "hiredis"
  depends_on "iniparser"
  depends_on "jansson"
  depends_on "libmicrohttpd"
  depends_on :linux
  depends_on "nettle"
  depends_on "sqlite"
  depends_on "tree-sitter"
  depends_on "xxhash"
  depends_on "zstd"

  def install
    args = %W[
      -DPTD_TESTS=OFF
      -DPython3_EXECUTABLE=#{which("python3.13")}
      -DPTD_BASH_COMPLETIONS_DIR=#{bash_completion}
      -DPTD_ZSH_COMPLETIONS_DIR=#{zsh_completion}
      -DPTD_FISH_COMPLETIONS_DIR=#{fish_completion}
    ]
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja", *args, *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/pyt-diff --version")

    # Which tests would run is told without pytest: the Python is only looked at.
    (testpath/"test_sample.py").write <<~PYTHON
      def test_one():
          assert 1 + 1 == 2
    PYTHON
    python = which("python3.13")
    output = shell_output("#{bin}/pyt-diff --python #{python} --dry-run")
    assert_match "test_sample.py", output

    # With pytest, in an environment of its own.
    system python, "-m", "venv", "env"
    pip = testpath/"env/bin/pip"
    system pip, "install", "--quiet", "pytest"
    ENV["VIRTUAL_ENV"] = (testpath/"env").to_s
    upload = "--upload --remote file://#{testpath}/shared.db"
    output = shell_output("#{bin}/pyt-diff --baseline #{upload} 2>&1")
    assert_match "1 passed", output
    assert_match "uploaded the recorded data", output
    assert_match "no tests affected", shell_output("#{bin}/pyt-diff 2>&1")

    # The server of the pass cache.
    assert_match(/^ptd-\h{32}$/, shell_output("#{bin}/pyt-diff serve token add brew --db passes.db"))
  end
end
