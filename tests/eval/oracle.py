"""Computes the golden numbers of tests/audio and tests/eval with other people's programs.

    pip install numpy==2.4.6 scipy==1.17.1 librosa==0.11.0 pystoi==0.4.1 praat-parselmouth==0.4.7 \
        pyloudnorm==0.2.0 pysptk==1.0.1
    python tests/eval/oracle.py

Not part of the build: the numbers it prints stand in the tests. The voice is that of
tests/audio/synthetic_voice.h.
"""
import math

import librosa
import numpy as np
import parselmouth
import pyloudnorm
import pysptk
import pystoi
import scipy.signal

np.random.seed(0)


def voice(rate=16000, seconds=1.6, f0=120.0, tempo=2.5, noise=0.0002, seed=1):
    gain, h = [], 1
    while h * f0 * 1.3 < 0.45 * rate and h <= 30:
        s = 0.05
        for centre, width in ((600, 120), (1300, 200), (2600, 300)):
            x = (h * f0 - centre) / width
            s += 1 / (1 + x * x)
        gain.append(s / h)
        h += 1
    state, phase, out = seed, 0.0, []
    for i in range(int(seconds * rate + 0.5)):
        t = i / rate
        phase += 2 * math.pi * f0 * (1 + 0.25 * math.sin(2 * math.pi * 0.9 * t)) / rate
        swing = math.sin(2 * math.pi * tempo * t)
        x = 0.0
        if swing > 0:
            for k, g in enumerate(gain):
                x += g * swing * math.sin((k + 1) * phase)
        burst = 0.05 if math.sin(math.pi * tempo * t) < -0.5 and swing < 0 else 0
        state = (state * 1664525 + 1013904223) % 2**32
        x = 0.15 * x + (noise + burst) * (state / 2147483648 - 1)
        y = x * 32768
        out.append(math.copysign(math.floor(abs(y) + 0.5), y) / 32768)
    return np.array(out)


def noise(count, state):
    out = []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state / 2147483648 - 1)
    return np.array(out)


def show(name, *values):
    print(f"{name}:", ", ".join(f"{v:.12g}" for v in np.ravel(np.array(values, dtype=float))))


def hann(n):
    return scipy.signal.get_window("hann", n, fftbins=True)


def complete_frames(x, width, hop):
    return np.stack([x[i : i + width] for i in range(0, len(x) - width + 1, hop)])


def mel_cepstra(x, width=400, hop=80, size=512, order=24, alpha=0.41):
    w = hann(width)
    frames = complete_frames(x, width, hop) * (w / np.sqrt((w * w).sum()))
    energy = (frames**2).sum(1)
    active = energy > energy.max() * 1e-4
    p = np.abs(np.fft.rfft(frames, size)) ** 2 / energy[active].mean() + 1e-6
    c = [pysptk.mcep(f, order, alpha, miniter=2, maxiter=30, threshold=1e-3, etype=0, itype=4) for f in p]
    return np.stack(c), active


def dtw(a, b):
    cost = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))
    d, path = librosa.sequence.dtw(C=cost, step_sizes_sigma=np.array([[1, 1], [1, 0], [0, 1]]))
    return d[-1, -1], path[::-1]


def third_party_stft(x, fft, hop, window):
    return np.abs(librosa.stft(x, n_fft=fft, hop_length=hop, win_length=window, window="hann", pad_mode="reflect"))


def front_ends(x):
    bank = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=80, fmin=0, fmax=8000, dtype=np.float64)
    show("slaney sum, [0][1], [40][110], [79][500]", bank.sum(), bank[0, 1], bank[40, 110], bank[79, 500])
    htk = librosa.filters.mel(sr=16000, n_fft=512, n_mels=40, fmin=60, fmax=7600, htk=True, norm=None, dtype=np.float64)
    show("htk sum, [0][3], [20][58]", htk.sum(), htk[0, 3], htk[20, 58])
    m = np.log(np.maximum(bank @ third_party_stft(x, 1024, 160, 800), 1e-4)).T
    show("log mel frames, sum", m.shape[0], m.sum())
    show("log mel [0][0], [17][30], [80][79], [160][5]", m[0, 0], m[17, 30], m[80, 79], m[160, 5])


def pitch(x):
    s = parselmouth.Sound(x, 16000)
    p = s.to_pitch_ac(time_step=0.005, pitch_floor=60, max_number_of_candidates=15, pitch_ceiling=500)
    f = p.selected_array["frequency"]
    print("praat", parselmouth.PRAAT_VERSION)
    show("pitch frames, t1, voiced, sum", len(f), p.xs()[0], (f > 0).sum(), f.sum())
    show("pitch every 20th", f[::20])
    return f


def distortion(x, y):
    a, active_a = mel_cepstra(x)
    b, active_b = mel_cepstra(y)
    show("mcep frame 20", a[20])
    show("frames, active", len(a), active_a.sum(), len(b), active_b.sum())
    cost, path = dtw(a[active_a, 1:], b[active_b, 1:])
    show("dtw cost, path", cost, len(path))
    show("mcd", 10 * math.sqrt(2) / math.log(10) * cost / len(path))


def segmental(s, x, rate):
    width, hop = round(0.03 * rate), int(0.0075 * rate)
    w = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, width + 1) / (width + 1)))
    eps = np.finfo(float).eps
    a, e = complete_frames(s, width, hop) * w, complete_frames(s - x, width, hop) * w
    snr = 10 * np.log10((a**2).sum(1) / ((e**2).sum(1) + eps) + eps)
    show("segsnr", np.clip(snr, -10, 35)[:-1].mean())
    f = [50 + 70 * i for i in range(7)] + [540, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30, 1288.72,
         1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63]
    b = [70] * 7 + [77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823, 168.154, 183.457,
         199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136]
    size = 2 ** math.ceil(math.log2(2 * width))
    half = size // 2
    j = np.arange(half)
    bank = []
    for f0, b0 in zip(f, b):
        g = np.exp(-11 * ((j - math.floor(f0 / (rate / 2) * half)) / (b0 / (rate / 2) * half)) ** 2 + np.log(70 / b0))
        bank.append(g * (g > math.exp(-30 / 4.606)))
    spectrum = lambda v: np.abs(np.fft.rfft(complete_frames(v + eps, width, hop) * w, size))[:-1, :-1]
    c, p = spectrum(s), spectrum(x)
    c, p = (c / c.sum(1, keepdims=True)) @ np.array(bank).T, (p / p.sum(1, keepdims=True)) @ np.array(bank).T
    weight = c**0.2
    snr = (weight * 10 * np.log10(c**2 / np.maximum((c - p) ** 2, eps))).sum(1) / weight.sum(1)
    show("fwsnrseg", np.clip(snr, -10, 35).mean())


def spectral(s, x):
    z, y = s - s.mean(), x - x.mean()
    a = (z @ y) / (z @ z)
    show("si_sdr", 10 * np.log10(((a * z) ** 2).sum() / ((a * z - y) ** 2).sum()))
    show("snr", 10 * np.log10((s**2).sum() / ((s - x) ** 2).sum()))
    segmental(s, x, 16000)
    power = lambda v: np.abs(np.fft.rfft(complete_frames(v, 2048, 512) * hann(2048))) ** 2
    db = 10 * np.log10((power(s) + 1e-10) / (power(x) + 1e-10))
    show("lsd", np.sqrt((db**2).mean(1)).mean())
    bank = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=80, fmin=0, fmax=8000, dtype=np.float64)
    pad = lambda v: np.pad(v, 384, mode="reflect")
    mel = lambda v: np.log(np.maximum(np.abs(np.fft.rfft(complete_frames(pad(v), 1024, 256) * hann(1024))) @ bank.T, 1e-5))
    show("mel.l1", np.abs(mel(s) - mel(x)).mean())
    sc, mag = [], []
    for fft, hop, window in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        m = [np.sqrt(np.maximum(third_party_stft(v, fft, hop, window) ** 2, 1e-7)) for v in (s, x)]
        sc.append(np.linalg.norm(m[0] - m[1]) / np.linalg.norm(m[0]))
        mag.append(np.abs(np.log(m[0]) - np.log(m[1])).mean())
    show("mrstft", np.mean(sc), np.mean(mag))


def mfcc(x):
    y = np.append(x[0], x[1:] - 0.97 * x[:-1])
    p = np.abs(np.fft.rfft(complete_frames(y, 400, 160) * np.hamming(400), 512)) ** 2
    energy = 2 * p.sum(1) - p[:, 0] - p[:, -1]
    bank = librosa.filters.mel(sr=16000, n_fft=512, n_mels=40, fmin=60, fmax=7600, htk=True, norm=None, dtype=np.float64)
    log_mel = np.log(p @ bank.T + 1e-10)[energy > energy.max() * 10**-3.5]
    return scipy.fft.dct(log_mel, type=2, norm="ortho", axis=1)[:, 1:21]


def speaker(a, b, background):
    def gaussian(f):
        s = np.cov(f.T)
        return f.mean(0), s + 1e-6 * np.trace(s) / 20 * np.eye(20)

    (m1, s1), (m2, s2) = gaussian(a), gaussian(b)
    s = (s1 + s2) / 2
    det = lambda v: np.linalg.slogdet(v)[1]
    show("mfcc frames, sum", len(a), a.sum(), len(b), b.sum())
    show("bhatt", (m1 - m2) @ np.linalg.solve(s, m1 - m2) / 8 + (det(s) - (det(s1) + det(s2)) / 2) / 2)
    ahs = np.trace(s1 @ np.linalg.inv(s2)) * np.trace(s2 @ np.linalg.inv(s1))
    show("ahs", math.log(ahs) - 2 * math.log(20))
    summary = lambda f: np.concatenate([f.mean(0), f.std(0, ddof=1)])
    z = np.stack([summary(f) for f in background])
    u, v = [(summary(f) - z.mean(0)) / z.std(0) for f in (a, b)]
    show("zcos", u @ v / np.linalg.norm(u) / np.linalg.norm(v))
    f, g = noise(600 * 20, 1).reshape(600, 20), noise(600 * 20, 2).reshape(600, 20) ** 3 + 0.1
    s1, s2 = np.cov(f.T), np.cov(g.T)
    root = scipy.linalg.sqrtm(s1)
    eig = np.linalg.eigvalsh(root @ s2 @ root)
    show("fad", ((f.mean(0) - g.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2)
         - 2 * np.sqrt(np.maximum(eig, 0)).sum())


def main():
    x = voice()
    y = voice(seconds=1.9, f0=150, tempo=2.1, noise=0.0004, seed=7)
    noisy = x + (voice(f0=170, tempo=2.5, noise=0.01, seed=3) - voice(f0=170, tempo=2.5, noise=0, seed=3))
    noisy = np.round(noisy * 32768) / 32768
    show("voice sum, sum of squares", x.sum(), (x**2).sum(), y.sum(), (noisy**2).sum())
    front_ends(x)
    f, g = pitch(x), pitch(y)
    st = 12 * np.log2(f[f > 0])
    show("pitch stats", (f > 0).mean(), np.median(f[f > 0]), st.std(), np.quantile(st, 0.95) - np.quantile(st, 0.05))
    distortion(x, y)
    show("stoi 16k, 10k", pystoi.stoi(x, noisy, 16000), pystoi.stoi(x, noisy, 10000))
    show("estoi 16k, 10k", pystoi.stoi(x, noisy, 16000, extended=True), pystoi.stoi(x, noisy, 10000, extended=True))
    spectral(x, noisy)
    long = voice(rate=48000, seconds=3, f0=130)
    meter = pyloudnorm.Meter(48000, filter_class="DeMan")
    show("loudness", meter.integrated_loudness(long))
    speaker(mfcc(x), mfcc(y), [mfcc(voice(f0=90 + 12 * i, seconds=1.2, seed=i + 1)) for i in range(10)])


main()
